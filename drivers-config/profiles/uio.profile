# uio: read by bind.sh, a key and its value a line.
summary: the last resort, where there is no IOMMU and vfio has no no-IOMMU mode
kind: bind
driver: uio_pci_generic
does: Takes the device from its kernel driver and gives it to penstock through uio. Nothing limits the device's DMA.
step: bind.sh --profile uio DEVICE; igb_uio, where it was built, is --driver igb_uio.
note: penstock must run as root and addresses are physical ones. Virtual functions and receive interrupts need vfio-pci.
note: With Secure Boot the kernel refuses uio.
eal: -a ADDRESS
