# af_xdp: read by bind.sh, a key and its value a line.
summary: a NIC that must stay with the kernel, faster than af_packet: nothing is bound
kind: interface
does: Puts an XDP program on the interface, which hands the frames of its first queue to penstock, past the kernel.
step: ip link set INTERFACE up; ethtool -L INTERFACE combined 1, so that the first queue has all frames.
note: The kernel sees no frame of that queue any more: not for an interface that is needed otherwise.
note: Needs CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF, and an unlimited RLIMIT_MEMLOCK. --strict-bypass refuses it.
eal: --no-pci --vdev=net_af_xdpNUMBER,iface=NAME
