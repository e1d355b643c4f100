/* stapled.c - see stapled.h. */
#include "tls/stapled.h"

#include "base/alloc.h"
#include "base/reader.h"

dor_result dor__stapled_new(dor_stapled **stapled)
{
    *stapled = dor__calloc(1, sizeof **stapled);
    if (!*stapled) return dor__error(DOR_E_NOMEM);
    (*stapled)->ref_count_ = 1;
    return DOR_SUCCESS;
}

dor_stapled *dor__stapled_ref(dor_stapled *stapled)
{
    /* Relaxed: the caller's own reference keeps it alive and has made its contents visible. */
    if (stapled) __atomic_add_fetch(&stapled->ref_count_, 1, __ATOMIC_RELAXED);
    return stapled;
}

void dor__stapled_unref(dor_stapled *stapled)
{
    /* Release: our reads come before the count falls. Acquire: the last one frees after everybody's. */
    if (!stapled || __atomic_sub_fetch(&stapled->ref_count_, 1, __ATOMIC_ACQ_REL) > 0) return;
    dor__bytes_free(&stapled->status);
    dor__bytes_free(&stapled->timestamps);
    dor__free(stapled);
}

dor_result dor__timestamps_check(dor_span data)
{
    dor_reader r = rd_from(data);
    dor_span list, timestamp;
    dor_result result = rd_vec16(&r, &list, 1, 65535);
    if (dor__ok(result)) result = rd_end(&r);
    for (r = rd_from(list); dor__ok(result) && rd_left(&r);)
        result = rd_vec16(&r, &timestamp, 1, 65535);
    return dor__ok(result) ? result : dor__alert(DOR_ALERT_DECODE_ERROR, DOR_REASON_CERT_TIMESTAMPS);
}

size_t dor__stapled_memory(const dor_stapled *stapled)
{
    return stapled ? sizeof *stapled + stapled->status.cap + stapled->timestamps.cap : 0;
}
