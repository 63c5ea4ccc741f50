"""image.py - what a guest boots: Debian's own kernel, and an initramfs of
busybox and the modules that the guest's devices need.

    image = Image(REPO / "build/qemu")
    image.prepare()
    image.kernel, image.initramfs

The kernel's package is downloaded and unpacked, never installed: the boot of
this machine stays as it is. There is no disk image. The guest's root is this
machine's root, read-only over 9p below a tmpfs (guest/init).
"""

import gzip
import pathlib
import shutil
import subprocess

from lab import LabError

HERE = pathlib.Path(__file__).resolve().parent
# What the guest needs to come up, in the order in which insmod wants it. A
# module that is not there is built in.
AT_BOOT = """
drivers/virtio/virtio_ring drivers/virtio/virtio drivers/virtio/virtio_pci_legacy_dev
drivers/virtio/virtio_pci_modern_dev drivers/virtio/virtio_pci
net/9p/9pnet net/9p/9pnet_virtio fs/netfs/netfs fs/fscache/fscache fs/9p/9p fs/overlayfs/overlay
drivers/net/ethernet/intel/e1000/e1000 drivers/net/ethernet/intel/e1000e/e1000e
net/core/failover drivers/net/net_failover drivers/net/virtio_net drivers/net/vmxnet3/vmxnet3
""".split()
# What the guest loads itself, by modprobe.
BY_MODPROBE = """
virt/lib/irqbypass drivers/vfio/vfio drivers/vfio/vfio_iommu_type1 drivers/vfio/vfio_virqfd
drivers/vfio/pci/vfio-pci-core drivers/vfio/pci/vfio-pci drivers/uio/uio drivers/uio/uio_pci_generic
""".split()
DOWNLOAD_S = 600


def tool(command, **options):
    try:
        return subprocess.run(command, check=True, capture_output=True, timeout=DOWNLOAD_S, **options).stdout
    except FileNotFoundError:
        raise LabError(f"'{command[0]}' is not installed") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"'{command[0]}' did not end within {DOWNLOAD_S} s") from None
    except subprocess.CalledProcessError as error:
        raise LabError(f"'{' '.join(map(str, command))}' failed: {error.stderr.decode(errors='replace').strip()}") from None


def kernel_package():
    """The kernel that Debian's metapackage names today."""
    for line in tool(["apt-cache", "depends", "linux-image-amd64"], text=True).splitlines():
        kind, _, name = line.strip().partition(": ")
        if kind == "Depends" and name.startswith("linux-image-"):
            return name
    raise LabError("linux-image-amd64 names no kernel; apt-get update?")


class Image:
    """The files that QEMU gets, kept in `directory` for the next time."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.initramfs = self.directory / "initramfs.gz"
        self.kernel = self.directory / "vmlinuz"

    def prepare(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self.kernel.exists():
            self._unpack_kernel(kernel_package())
        self._make_initramfs()

    def _unpack_kernel(self, package):
        """Of the package's 400 MB only the kernel and our modules stay."""
        whole = self.directory / "package"
        shutil.rmtree(whole, ignore_errors=True)
        whole.mkdir()
        tool(["apt-get", "-o", "APT::Sandbox::User=root", "download", package], cwd=whole)
        tool(["dpkg-deb", "-x", str(next(whole.glob("*.deb"))), str(whole)])
        modules = self.directory / "modules"
        shutil.rmtree(modules, ignore_errors=True)
        modules.mkdir()
        built = next((whole / "lib/modules").iterdir()) / "kernel"
        for number, name in enumerate(AT_BOOT + BY_MODPROBE):
            place = modules / (f"boot/{number:02}-{pathlib.Path(name).name}.ko" if name in AT_BOOT
                               else f"later/{pathlib.Path(name).name}.ko")
            place.parent.mkdir(exist_ok=True)
            if (built / f"{name}.ko").exists():
                shutil.copy(built / f"{name}.ko", place)
        boot = next((whole / "boot").glob("vmlinuz-*"))
        # Last, as its presence says that the rest is there.
        shutil.copy(boot, self.kernel)
        shutil.rmtree(whole)

    def _make_initramfs(self):
        root = self.directory / "initramfs"
        shutil.rmtree(root, ignore_errors=True)
        for name in ("bin", "proc", "sys", "dev", "lower", "upper", "root"):
            (root / name).mkdir(parents=True)
        busybox = shutil.which("busybox")
        if busybox is None:
            raise LabError("'busybox' is not installed (apt-get install busybox-static)")
        shutil.copy(busybox, root / "bin/busybox")
        shutil.copy(HERE / "guest/init", root / "init")
        (root / "init").chmod(0o755)
        shutil.copytree(self.directory / "modules", root / "modules")
        names = "\n".join(str(path.relative_to(root)) for path in [root, *sorted(root.rglob("*"))])
        archive = tool(["cpio", "-o", "-H", "newc", "--quiet"], cwd=root, input=names.encode())
        self.initramfs.write_bytes(gzip.compress(archive, 1))
        shutil.rmtree(root)
