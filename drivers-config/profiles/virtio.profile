# virtio: read by bind.sh, a key and its value a line.
summary: the virtio-net device of a virtual machine
kind: bind
vendor: 0x1af4
does: Takes the device from virtio-pci: for vfio-pci where the virtual machine has an IOMMU, else see the profile uio.
step: QEMU: -device intel-iommu,intremap=on and virtio-net-pci,iommu_platform=on,disable-legacy=on; intel_iommu=on in the guest.
step: Queues: mq=on and a backend with as many; rss=on steers flows to the workers that own them.
note: Without iommu_platform=on the device goes past the IOMMU, and penstock needs --iova-mode=pa.
eal: -a ADDRESS
