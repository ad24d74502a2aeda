/*
 * Memory straight from the system, aligned to more than a page, and what lets the address
 * sanitizer see into it. munmap() gives it back.
 */
#ifndef BASE_MAPPING_H
#define BASE_MAPPING_H

#include <stddef.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(memory, bytes)     ((void)(memory), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(memory, bytes)   ((void)(memory), (void)(bytes))
#define __lsan_register_root_region(memory, bytes)   ((void)(memory), (void)(bytes))
#define __lsan_unregister_root_region(memory, bytes) ((void)(memory), (void)(bytes))
#endif

/* Zeroed; both in whole pages. NULL when out of memory. */
__attribute__((warn_unused_result)) void *mapping_new(size_t bytes, size_t alignment);

#endif
