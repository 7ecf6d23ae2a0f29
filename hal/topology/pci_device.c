/* SPDX-License-Identifier: Apache-2.0 */
/* What the PCI numbers in a file say of a device: the tables are those of the scan, so that a file and the
   machine it was made on agree. */
#include "hal/discovery/identity.h"
#include "hal/topology/build.h"

bool hal_pci_describe(hal_topology_device *device, bool computes)
{
    const hal_identity *identity =
        hal_identity_find(device->pci_vendor, device->pci_device, device->pci_class);
    const hal_family *family =
        identity != NULL && identity->family[0] != '\0' ? hal_family_find(identity->family) : NULL;
    if (family == NULL && !computes)
        return false;
    if (family != NULL) {
        device->kind = family->kind;
        device->family = family->name;
        device->vendor = family->vendor[0] != '\0' ? family->vendor : device->vendor;
        device->name = identity->name[0] != '\0' ? identity->name : device->name;
    }
    if (computes && (family == NULL || device->kind != HAL_DEVICE_NPU))
        device->kind = HAL_DEVICE_GPU;
    return true;
}
