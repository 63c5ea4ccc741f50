# vfio-pci: read by bind.sh, a key and its value a line.
summary: most NICs, where the machine has an IOMMU
kind: bind
driver: vfio-pci
does: Takes the device from its kernel driver and gives it to penstock through vfio. The IOMMU keeps the device's
does: DMA within penstock's memory, so penstock need not be root.
step: IOMMU on: intel_iommu=on iommu=pt (Intel) or iommu=pt (AMD) on the kernel's command line, VT-d or AMD-Vi in the firmware.
step: bind.sh DEVICE; with --owner USER for a service of that user, with --persist over a reboot.
note: Without an IOMMU, --force uses vfio's no-IOMMU mode where the kernel has it: root only, and the device can write anywhere.
eal: -a ADDRESS
