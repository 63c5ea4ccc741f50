# mlx5: read by bind.sh, a key and its value a line.
summary: NVIDIA/Mellanox ConnectX (mlx5, and mlx4 likewise), which stay with the kernel's driver
kind: stay
vendor: 0x15b3
does: Binds nothing. DPDK drives the device through the kernel's verbs, beside mlx5_core, and loses it without.
step: apt-get install ibverbs-providers; modprobe mlx5_ib
step: Leave the interface up: its link is the port's.
note: From its start penstock gets the frames to the interface's MAC address, so the kernel's addresses there fall silent.
note: A user that is not root needs CAP_NET_RAW, and CAP_SYS_RAWIO or IOVA as virtual addresses.
eal: -a ADDRESS
