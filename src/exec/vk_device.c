// SPDX-License-Identifier: MIT
/* Finding Vulkan devices and saying what is wrong with them. */
#include "vk_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LAYER "VK_LAYER_KHRONOS_validation"
#define INSTALL                                                                                    \
    "install a driver: mesa-vulkan-drivers (Debian; software rendering works everywhere), or "     \
    "your GPU vendor's"
#define STORAGE_BUFFERS_MIN 4u
#define TEXEL_BUFFERS_MIN 6u
#define INVOCATIONS_MIN 64u
#define TEXELS_MIN (1u << 20)

enum su_code vk_fail(struct su_err *e, VkResult r, const char *at, const char *doing)
{
    switch (r) {
    case VK_ERROR_OUT_OF_HOST_MEMORY:
        return su_fail(e, SU_ENOMEM, at, "out of host memory: %s", doing);
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    case VK_ERROR_TOO_MANY_OBJECTS:
    case VK_ERROR_OUT_OF_POOL_MEMORY:
    case VK_ERROR_FRAGMENTED_POOL:
        return su_fail(e, SU_ENOMEM, at,
                       "out of device memory: %s; use a smaller target or fewer rows", doing);
    case VK_ERROR_DEVICE_LOST:
        return su_fail(e, SU_ENODEV, at,
                       "the device was lost: %s; check the driver's log and open it again", doing);
    case VK_ERROR_INCOMPATIBLE_DRIVER:
    case VK_ERROR_INITIALIZATION_FAILED:
        return su_fail(e, SU_ENODEV, at, "no Vulkan driver: %s; " INSTALL, doing);
    case VK_ERROR_LAYER_NOT_PRESENT:
        return su_fail(e, SU_EUNSUPPORTED, at,
                       LAYER " is missing: install vulkan-validationlayers");
    default:
        return su_fail(e, SU_EINTERNAL, at, "Vulkan error %d: %s", (int)r, doing);
    }
}

/* ---- instance
   ------------------------------------------------------------------------------------------------
   */

/* The saturation counter is touched by atomics only, from any number of dispatches; synchronisation
   validation cannot tell, so hazards on the buffer of that name are none. */
static VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                                 VkDebugUtilsMessageTypeFlagsEXT types,
                                                 const VkDebugUtilsMessengerCallbackDataEXT *data,
                                                 void *user)
{
    struct vk_instance *in = user;
    (void)types;
    (void)severity;
    if (data->pMessageIdName && strstr(data->pMessageIdName, "SYNC-HAZARD") &&
        strstr(data->pMessage, VK_COUNTER_NAME))
        return VK_FALSE;
    pthread_mutex_lock(&in->lock);
    if (in->complaints++ == 0)
        su_str_sanitize(in->complaint, sizeof in->complaint, data->pMessage,
                        strlen(data->pMessage));
    pthread_mutex_unlock(&in->lock);
    return VK_FALSE;
}

enum su_code vk_instance_open(bool validation, struct vk_instance *in, struct su_err *e)
{
    static const char *const layers[] = {LAYER};
    static const char *const extensions[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME,
                                             VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME};
    static const VkValidationFeatureEnableEXT enable[] = {
        VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT};
    memset(in, 0, sizeof *in);
    pthread_mutex_init(&in->lock, NULL);
    VkDebugUtilsMessengerCreateInfoEXT messenger = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                           VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
        .pfnUserCallback = on_message,
        .pUserData = in};
    VkValidationFeaturesEXT features = {.sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
                                        .pNext = &messenger,
                                        .enabledValidationFeatureCount = 1,
                                        .pEnabledValidationFeatures = enable};
    VkApplicationInfo app = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                             .pApplicationName = "splitup",
                             .apiVersion = VK_API_VERSION_1_2};
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                 .pNext = validation ? &features : NULL,
                                 .pApplicationInfo = &app,
                                 .enabledLayerCount = validation ? 1 : 0,
                                 .ppEnabledLayerNames = layers,
                                 .enabledExtensionCount = validation ? 2 : 0,
                                 .ppEnabledExtensionNames = extensions};
    VkResult r = vkCreateInstance(&info, NULL, &in->handle);
    if (r != VK_SUCCESS) {
        pthread_mutex_destroy(&in->lock);
        return vk_fail(e, r, "vulkan", "creating an instance");
    }
    if (validation) {
        PFN_vkVoidFunction f = vkGetInstanceProcAddr(in->handle, "vkCreateDebugUtilsMessengerEXT");
        if (f)
            ((PFN_vkCreateDebugUtilsMessengerEXT)f)(in->handle, &messenger, NULL, &in->messenger);
    }
    return SU_OK;
}

void vk_instance_close(struct vk_instance *in)
{
    if (in->messenger) {
        PFN_vkVoidFunction f = vkGetInstanceProcAddr(in->handle, "vkDestroyDebugUtilsMessengerEXT");
        if (f)
            ((PFN_vkDestroyDebugUtilsMessengerEXT)f)(in->handle, in->messenger, NULL);
    }
    vkDestroyInstance(in->handle, NULL);
    pthread_mutex_destroy(&in->lock);
}

/* ---- devices
   -------------------------------------------------------------------------------------------------
   -- */

static enum su_device_kind kind_of(VkPhysicalDeviceType t)
{
    switch (t) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
        return SU_DEVICE_DISCRETE;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
        return SU_DEVICE_INTEGRATED;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
        return SU_DEVICE_VIRTUAL;
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
        return SU_DEVICE_CPU;
    default:
        return SU_DEVICE_OTHER;
    }
}

const char *su_device_kind_name(enum su_device_kind k)
{
    static const char *const names[] = {"discrete GPU", "integrated GPU", "virtual GPU", "CPU",
                                        "other"};
    return (unsigned)k < SU_ARRAY_LEN(names) ? names[k] : "?";
}

static void unusable(struct su_device *d, const char *remedy, const char *fmt, ...) SU_PRINTF(3, 4);
static void unusable(struct su_device *d, const char *remedy, const char *fmt, ...)
{
    if (d->reason[0])
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(d->reason, sizeof d->reason, fmt, ap);
    va_end(ap);
    su_str_copy(d->remedy, sizeof d->remedy, remedy);
    d->usable = false;
}

/* A queue family for compute, without graphics where there is one: it is not delayed by a desktop.
   */
static bool find_queue(struct vk_found *f)
{
    uint32_t n = 0;
    vkGetPhysicalDeviceQueueFamilyProperties(f->handle, &n, NULL);
    VkQueueFamilyProperties *q = su_alloc((n + 1) * sizeof *q);
    vkGetPhysicalDeviceQueueFamilyProperties(f->handle, &n, q);
    int best = -1;
    for (uint32_t i = 0; i < n; i++) {
        if (!(q[i].queueFlags & VK_QUEUE_COMPUTE_BIT) || q[i].queueCount == 0)
            continue;
        if (best < 0 || !(q[i].queueFlags & VK_QUEUE_GRAPHICS_BIT))
            best = (int)i;
        if (!(q[i].queueFlags & VK_QUEUE_GRAPHICS_BIT))
            break;
    }
    if (best >= 0) {
        f->family = (uint32_t)best;
        f->timestamp_bits = q[best].timestampValidBits;
    }
    free(q);
    return best >= 0;
}

static bool has_extension(VkPhysicalDevice d, const char *name)
{
    uint32_t n = 0;
    if (vkEnumerateDeviceExtensionProperties(d, NULL, &n, NULL) != VK_SUCCESS)
        return false;
    VkExtensionProperties *x = su_try_alloc(n + 1, sizeof *x);
    bool found = false;
    if (x && vkEnumerateDeviceExtensionProperties(d, NULL, &n, x) >= VK_SUCCESS) {
        for (uint32_t i = 0; i < n; i++)
            found |= strcmp(x[i].extensionName, name) == 0;
    }
    free(x);
    return found;
}

static void read_memory(struct vk_found *f)
{
    vkGetPhysicalDeviceMemoryProperties(f->handle, &f->memory);
    for (uint32_t i = 0; i < f->memory.memoryHeapCount; i++) {
        const VkMemoryHeap *h = &f->memory.memoryHeaps[i];
        if (h->flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT)
            f->info.vram_bytes = SU_MAX(f->info.vram_bytes, (uint64_t)h->size);
    }
}

static void judge(struct vk_found *f, const VkPhysicalDeviceLimits *l, bool queue)
{
    struct su_device *d = &f->info;
    if (d->api_version < VK_API_VERSION_1_1)
        unusable(d, "update the driver", "Vulkan %u.%u; 1.1 is needed",
                 VK_API_VERSION_MAJOR(d->api_version), VK_API_VERSION_MINOR(d->api_version));
    if (!queue)
        unusable(d, "choose another device", "no queue family for compute");
    if (l->maxPushConstantsSize < VK_PUSH_WORDS * 4)
        unusable(d, "update the driver", "maxPushConstantsSize is %u; %u is needed",
                 l->maxPushConstantsSize, VK_PUSH_WORDS * 4);
    if (l->maxPerStageDescriptorStorageBuffers < STORAGE_BUFFERS_MIN)
        unusable(d, "update the driver", "maxPerStageDescriptorStorageBuffers is %u; %u is needed",
                 l->maxPerStageDescriptorStorageBuffers, STORAGE_BUFFERS_MIN);
    if (l->maxPerStageDescriptorSampledImages < TEXEL_BUFFERS_MIN)
        unusable(d, "update the driver", "maxPerStageDescriptorSampledImages is %u; %u is needed",
                 l->maxPerStageDescriptorSampledImages, TEXEL_BUFFERS_MIN);
    if (l->maxTexelBufferElements < TEXELS_MIN)
        unusable(d, "update the driver or choose another device",
                 "maxTexelBufferElements is %u; %u is needed", l->maxTexelBufferElements,
                 TEXELS_MIN);
    if (l->maxComputeWorkGroupInvocations < INVOCATIONS_MIN ||
        l->maxComputeWorkGroupSize[0] < INVOCATIONS_MIN)
        unusable(d, "choose another device", "workgroups of %u; %u is needed",
                 l->maxComputeWorkGroupInvocations, INVOCATIONS_MIN);
    if (d->vram_bytes == 0)
        unusable(d, "update the driver", "no device-local memory");
}

static void describe(VkPhysicalDevice handle, struct vk_found *f)
{
    memset(f, 0, sizeof *f);
    f->handle = handle;
    struct su_device *d = &f->info;
    VkPhysicalDeviceProperties base;
    vkGetPhysicalDeviceProperties(handle, &base);
    bool v11 = base.apiVersion >= VK_API_VERSION_1_1, v12 = base.apiVersion >= VK_API_VERSION_1_2;
    bool controls =
        v12 || (v11 && has_extension(handle, VK_KHR_SHADER_FLOAT_CONTROLS_EXTENSION_NAME));
    bool driver_known =
        v12 || (v11 && has_extension(handle, VK_KHR_DRIVER_PROPERTIES_EXTENSION_NAME));
    VkPhysicalDeviceFloatControlsProperties fc = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FLOAT_CONTROLS_PROPERTIES};
    VkPhysicalDeviceDriverProperties dp = {.sType =
                                               VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
                                           .pNext = controls ? &fc : NULL};
    VkPhysicalDeviceIDProperties id = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES,
                                       .pNext = driver_known ? (void *)&dp
                                                : controls   ? (void *)&fc
                                                             : NULL};
    VkPhysicalDeviceMaintenance3Properties m3 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES, .pNext = &id};
    VkPhysicalDeviceSubgroupProperties sg = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES, .pNext = &m3};
    VkPhysicalDeviceProperties2 p = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                     .pNext = &sg};
    if (v11)
        vkGetPhysicalDeviceProperties2(handle, &p);
    su_str_sanitize(d->name, sizeof d->name, base.deviceName,
                    strnlen(base.deviceName, sizeof base.deviceName));
    if (dp.driverName[0])
        snprintf(d->driver, sizeof d->driver, "%.100s %.150s", dp.driverName, dp.driverInfo);
    else
        snprintf(d->driver, sizeof d->driver, "driver %08" PRIx32, base.driverVersion);
    memcpy(d->uuid, base.pipelineCacheUUID, sizeof d->uuid);
    if (v11)
        memcpy(d->uuid, id.deviceUUID, sizeof d->uuid);
    d->kind = kind_of(base.deviceType);
    d->api_version = base.apiVersion;
    d->vendor_id = base.vendorID;
    d->device_id = base.deviceID;
    d->driver_version = base.driverVersion;
    d->max_buffer_range = base.limits.maxStorageBufferRange;
    d->max_allocation = v11 ? m3.maxMemoryAllocationSize : 0;
    d->max_workgroup_invocations =
        SU_MIN(base.limits.maxComputeWorkGroupInvocations, base.limits.maxComputeWorkGroupSize[0]);
    d->max_push_constants = base.limits.maxPushConstantsSize;
    d->subgroup_size = sg.subgroupSize;
    f->broadcasts = (sg.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) &&
                    (sg.supportedOperations & VK_SUBGROUP_FEATURE_BALLOT_BIT);
    d->rte32 = fc.shaderRoundingModeRTEFloat32;
    d->preserve32 = fc.shaderSignedZeroInfNanPreserveFloat32;
    d->usable = true;
    f->float_controls_ext = controls && !v12 && (d->rte32 || d->preserve32);
    f->loop_limited = dp.driverID == VK_DRIVER_ID_MESA_LLVMPIPE;
    f->timestamp_ns = base.limits.timestampPeriod;
    f->max_texels = base.limits.maxTexelBufferElements;
    VkPhysicalDeviceShaderIntegerDotProductFeatures dot = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES};
    VkPhysicalDeviceTimelineSemaphoreFeatures timeline = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES,
        .pNext = base.apiVersion >= VK_API_VERSION_1_3 ? &dot : NULL};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                          .pNext = v12 ? &timeline : NULL};
    if (v11)
        vkGetPhysicalDeviceFeatures2(handle, &features);
    d->timeline = timeline.timelineSemaphore;
    d->dp4a = dot.shaderIntegerDotProduct;
    read_memory(f);
    bool queue = find_queue(f);
    d->timestamps = f->timestamp_bits > 0 && f->timestamp_ns > 0;
    judge(f, &base.limits, queue);
}

/* Insertion sort: kinds in order of worth, devices of one kind as the loader lists them. */
static void sort_devices(struct vk_found *f, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct vk_found x = f[i];
        size_t k = i;
        for (; k > 0 && f[k - 1].info.kind > x.info.kind; k--)
            f[k] = f[k - 1];
        f[k] = x;
    }
}

enum su_code vk_devices_find(const struct vk_instance *in, struct vk_found **out, size_t *n,
                             struct su_err *e)
{
    *out = NULL;
    *n = 0;
    uint32_t count = 0;
    VkResult r = vkEnumeratePhysicalDevices(in->handle, &count, NULL);
    if (r != VK_SUCCESS)
        return vk_fail(e, r, "vulkan", "listing devices");
    if (count == 0)
        return su_fail(e, SU_ENODEV, "vulkan", "no device; " INSTALL);
    VkPhysicalDevice *handles = su_try_alloc(count, sizeof(VkPhysicalDevice));
    struct vk_found *found = su_try_alloc(count, sizeof *found);
    if (!handles || !found) {
        free(handles);
        free(found);
        return su_fail(e, SU_ENOMEM, "vulkan", "listing %u devices", count);
    }
    r = vkEnumeratePhysicalDevices(in->handle, &count, handles);
    if (r < VK_SUCCESS) {
        free(handles);
        free(found);
        return vk_fail(e, r, "vulkan", "listing devices");
    }
    for (uint32_t i = 0; i < count; i++)
        describe(handles[i], &found[i]);
    free(handles);
    sort_devices(found, count);
    *out = found;
    *n = count;
    return SU_OK;
}

enum su_code su_devices_list(struct su_device **out, size_t *n, struct su_err *e)
{
    struct vk_instance in;
    struct vk_found *found;
    *out = NULL;
    *n = 0;
    enum su_code rc = vk_instance_open(false, &in, e);
    if (rc != SU_OK)
        return rc;
    size_t count;
    rc = vk_devices_find(&in, &found, &count, e);
    vk_instance_close(&in);
    if (rc != SU_OK)
        return rc;
    struct su_device *d = su_try_alloc(count, sizeof *d);
    for (size_t i = 0; d && i < count; i++)
        d[i] = found[i].info;
    free(found);
    if (!d)
        return su_fail(e, SU_ENOMEM, "vulkan", "listing %zu devices", count);
    *out = d;
    *n = count;
    return SU_OK;
}
