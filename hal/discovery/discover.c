/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of discovery, in order. */
#include "hal/discovery/answer.h"
#include "hal/discovery/measurements.h"
#include "hal/discovery/scan.h"

/* What vendors said: asked now, or kept from the last time. That none did is no error. */
static hal_status recall(const hal_files *files, const hal_topology_options *options, hal_answers **answers)
{
    if (options->probe)
        return hal_answers_ask(options->allocator, files, options->deadline, answers);
    hal_status status = hal_answers_recall(options->allocator, files, answers);
    return hal_status_code(status) == HAL_CODE_NOT_FOUND ? HAL_OK : status; /* bad records have their line told */
}

static hal_status scan(const hal_files *files, const hal_topology_options *options, hal_draft *draft,
                       hal_answers **answers)
{
    HAL_TRY(hal_scan_processors(files, options->deadline, draft));
    hal_scan_host(files, draft);
    hal_draft_host(draft)->origin = hal_draft_text(draft, options->input);
    hal_scan_pci(files, draft);
    hal_scan_classes(files, draft);
    hal_scan_kfd(files, draft);
    hal_scan_links(files, draft);
    hal_scan_parts(files, draft);
    HAL_TRY(recall(files, options, answers));
    if (*answers != NULL)
        HAL_TRY(hal_answers_merge(draft, *answers));
    HAL_TRY(hal_topology_supply_all(draft, options->supplied));
    HAL_TRY(hal_scan_measurements(options->allocator, files, draft));
    hal_scan_hidden(files, draft);
    return hal_ladder_climb(files, draft);
}

hal_status hal_discover(const hal_files *files, const hal_topology_options *options, hal_topology **topology)
{
    hal_draft *draft;
    hal_answers *answers = NULL;
    HAL_TRY(hal_draft_create(options->allocator, &draft));
    hal_status status = scan(files, options, draft, &answers);
    if (status == HAL_OK)
        status = hal_draft_seal(draft, topology);
    else
        hal_draft_destroy(draft);
    hal_answers_free(answers);
    return status;
}
