// What crates/sources/src/apple/layout.rs believes of the kernel's structures, against the headers of
// macOS. `cargo xtask macos` compiles it; nothing is linked.
#include <libproc.h>
#include <mach/mach.h>
#include <mach/mach_time.h>
#include <mach/processor_info.h>
#include <mach/vm_statistics.h>
#include <net/if.h>
#include <net/if_dl.h>
#include <net/route.h>
#include <stddef.h>
#include <sys/proc_info.h>
#include <sys/resource.h>
#include <sys/sysctl.h>

#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), "size of " #type)
#define AT(type, field, bytes) _Static_assert(offsetof(type, field) == (bytes), #type "." #field)

// Processes.
SIZE(struct proc_taskallinfo, 232);
SIZE(struct proc_bsdinfo, 136);
SIZE(struct proc_taskinfo, 96);
AT(struct proc_taskallinfo, ptinfo, 136);
AT(struct proc_bsdinfo, pbi_flags, 0);
AT(struct proc_bsdinfo, pbi_status, 4);
AT(struct proc_bsdinfo, pbi_pid, 12);
AT(struct proc_bsdinfo, pbi_ppid, 16);
AT(struct proc_bsdinfo, pbi_uid, 20);
AT(struct proc_bsdinfo, pbi_comm, 48);
AT(struct proc_bsdinfo, pbi_name, 64);
AT(struct proc_bsdinfo, pbi_pgid, 100);
AT(struct proc_bsdinfo, e_tdev, 108);
AT(struct proc_bsdinfo, pbi_nice, 116);
AT(struct proc_bsdinfo, pbi_start_tvsec, 120);
AT(struct proc_bsdinfo, pbi_start_tvusec, 128);
AT(struct proc_taskinfo, pti_virtual_size, 0);
AT(struct proc_taskinfo, pti_resident_size, 8);
AT(struct proc_taskinfo, pti_total_user, 16);
AT(struct proc_taskinfo, pti_total_system, 24);
AT(struct proc_taskinfo, pti_faults, 52);
AT(struct proc_taskinfo, pti_pageins, 56);
AT(struct proc_taskinfo, pti_csw, 80);
AT(struct proc_taskinfo, pti_threadnum, 84);
AT(struct proc_taskinfo, pti_numrunning, 88);
AT(struct proc_taskinfo, pti_priority, 92);
SIZE(struct proc_bsdshortinfo, 64);
AT(struct proc_bsdshortinfo, pbsi_pid, 0);
AT(struct proc_bsdshortinfo, pbsi_ppid, 4);
AT(struct proc_bsdshortinfo, pbsi_pgid, 8);
AT(struct proc_bsdshortinfo, pbsi_status, 12);
AT(struct proc_bsdshortinfo, pbsi_comm, 16);
AT(struct proc_bsdshortinfo, pbsi_uid, 36);
_Static_assert(PROC_PIDTASKALLINFO == 2 && PROC_PIDT_SHORTBSDINFO == 13, "flavors");
_Static_assert(PROC_ALL_PIDS == 1 && PROC_PIDPATHINFO_MAXSIZE == 4096, "lists and paths");

// What is accounted of them.
SIZE(struct rusage_info_v0, 96);
SIZE(struct rusage_info_v2, 160);
SIZE(struct rusage_info_v3, 232);
SIZE(struct rusage_info_v4, 296);
SIZE(struct rusage_info_v6, 464);
AT(struct rusage_info_v6, ri_pkg_idle_wkups, 32);
AT(struct rusage_info_v6, ri_interrupt_wkups, 40);
AT(struct rusage_info_v6, ri_phys_footprint, 72);
AT(struct rusage_info_v6, ri_diskio_bytesread, 144);
AT(struct rusage_info_v6, ri_diskio_byteswritten, 152);
AT(struct rusage_info_v6, ri_cpu_time_qos_default, 160);
AT(struct rusage_info_v6, ri_cpu_time_qos_user_interactive, 208);
AT(struct rusage_info_v6, ri_instructions, 248);
AT(struct rusage_info_v6, ri_cycles, 256);
AT(struct rusage_info_v6, ri_user_ptime, 304);
AT(struct rusage_info_v6, ri_system_ptime, 312);
AT(struct rusage_info_v6, ri_energy_nj, 336);
AT(struct rusage_info_v6, ri_penergy_nj, 344);
AT(struct rusage_info_v6, ri_neural_footprint, 368);

// Memory.
_Static_assert(sizeof(struct vm_statistics64) >= 38 * 4, "words that every system knows");
AT(struct vm_statistics64, free_count, 0);
AT(struct vm_statistics64, active_count, 4);
AT(struct vm_statistics64, inactive_count, 8);
AT(struct vm_statistics64, wire_count, 12);
AT(struct vm_statistics64, pageins, 32);
AT(struct vm_statistics64, pageouts, 40);
AT(struct vm_statistics64, faults, 48);
AT(struct vm_statistics64, purgeable_count, 88);
AT(struct vm_statistics64, speculative_count, 92);
AT(struct vm_statistics64, swapins, 112);
AT(struct vm_statistics64, swapouts, 120);
AT(struct vm_statistics64, compressor_page_count, 128);
AT(struct vm_statistics64, external_page_count, 136);
AT(struct vm_statistics64, internal_page_count, 140);
AT(struct vm_statistics64, total_uncompressed_pages_in_compressor, 144);
_Static_assert(HOST_VM_INFO64 == 4 && PROCESSOR_CPU_LOAD_INFO == 2, "flavors");
_Static_assert(CPU_STATE_USER == 0 && CPU_STATE_SYSTEM == 1 && CPU_STATE_IDLE == 2 &&
                   CPU_STATE_NICE == 3 && CPU_STATE_MAX == 4,
               "order of ticks");
SIZE(struct xsw_usage, 32);
AT(struct xsw_usage, xsu_total, 0);
AT(struct xsw_usage, xsu_avail, 8);
AT(struct xsw_usage, xsu_used, 16);
SIZE(struct loadavg, 24);
AT(struct loadavg, fscale, 16);
SIZE(struct timeval, 16);
AT(struct timeval, tv_usec, 8);
SIZE(struct mach_timebase_info, 8);

// One process of the kernel's list: its start stands first.
SIZE(struct kinfo_proc, 648);
AT(struct kinfo_proc, kp_proc.p_un.__p_starttime, 0);
_Static_assert(CTL_KERN == 1 && KERN_PROC == 14 && KERN_PROC_PID == 1 && KERN_PROCARGS2 == 49,
               "paths of sysctl");

// Interfaces.
SIZE(struct if_msghdr2, 160);
AT(struct if_msghdr2, ifm_type, 3);
AT(struct if_msghdr2, ifm_flags, 8);
AT(struct if_msghdr2, ifm_data, 32);
AT(struct if_data64, ifi_mtu, 8);
AT(struct if_data64, ifi_baudrate, 16);
AT(struct if_data64, ifi_ipackets, 24);
AT(struct if_data64, ifi_ierrors, 32);
AT(struct if_data64, ifi_opackets, 40);
AT(struct if_data64, ifi_oerrors, 48);
AT(struct if_data64, ifi_ibytes, 64);
AT(struct if_data64, ifi_obytes, 72);
AT(struct if_data64, ifi_iqdrops, 96);
AT(struct sockaddr_dl, sdl_nlen, 5);
AT(struct sockaddr_dl, sdl_alen, 6);
AT(struct sockaddr_dl, sdl_data, 8);
_Static_assert(RTM_IFINFO2 == 0x12 && NET_RT_IFLIST2 == 6 && CTL_NET == 4 && PF_ROUTE == 17,
               "messages of interfaces");
_Static_assert(IFF_UP == 0x1 && IFF_LOOPBACK == 0x8 && IFF_RUNNING == 0x40, "flags");
