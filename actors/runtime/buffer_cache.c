/* buffer_cache.c - see buffer_cache.h. */
#include "runtime/private.h"

#include "base/alloc.h"

static dor_buffer_cache *own_cache(void)
{
#ifdef DOR_PLAIN_MALLOC
    return NULL;
#else
    return dor__current ? &dor__current->buffers : NULL;
#endif
}

void *dor__buffer_block_get(unsigned class_)
{
    dor_buffer_cache *cache = own_cache();
    dor_buffer_block *block = cache ? cache->free[class_] : NULL;
    if (!block) return dor__malloc(dor__buffer_class_size(class_));
    cache->free[class_] = block->next;
    cache->len -= dor__buffer_class_size(class_);
    return block;
}

void dor__buffer_block_put(unsigned class_, void *memory)
{
    dor_buffer_cache *cache = own_cache();
    size_t size = dor__buffer_class_size(class_);
    if (!cache || cache->len + size > DOR_BUFFER_CACHE_LEN) {
        dor__free(memory);
        return;
    }
    dor_buffer_block *block = (dor_buffer_block *)memory;
    block->next = cache->free[class_];
    cache->free[class_] = block;
    cache->len += size;
}

void dor__buffer_cache_fini(dor_buffer_cache *cache)
{
    for (unsigned class_ = 0; class_ < DOR_BUFFER_CLASSES; class_++)
        while (cache->free[class_]) {
            dor_buffer_block *block = cache->free[class_];
            cache->free[class_] = block->next;
            dor__free(block);
        }
}
