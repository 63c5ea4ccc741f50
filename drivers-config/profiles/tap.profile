# tap: read by bind.sh, a key and its value a line.
summary: a new tap interface, to try penstock on a laptop: nothing is bound
kind: new
does: penstock makes a tap interface at its start; what the kernel sends into it reaches penstock.
step: Start penstock, then ip addr add 10.77.0.1/24 dev NAME && ip link set NAME up; clients use it from this machine.
note: Needs CAP_NET_ADMIN. --strict-bypass refuses it.
eal: --no-pci --vdev=net_tapNUMBER,iface=NAME
