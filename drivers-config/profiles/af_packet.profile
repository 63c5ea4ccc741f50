# af_packet: read by bind.sh, a key and its value a line.
summary: any interface of the kernel, by the packet socket: nothing is bound
kind: interface
does: Opens a packet socket on the interface. The kernel keeps the device and sees every frame as well.
step: ip link set INTERFACE up, and no address on it: the kernel would answer there, too.
step: On a veth, ethtool -K PEER tx off at its other end, which else leaves UDP checksums undone.
note: Needs CAP_NET_RAW. Each frame costs a copy and system calls; --strict-bypass refuses it.
eal: --no-pci --vdev=net_af_packetNUMBER,iface=NAME
