"""The kinds of nodes that containerlab documents, with their older names."""

KINDS = frozenset(
    (
        *("linux", "bridge", "ovs-bridge", "host", "ext-container", "k8s-kind"),
        *("frr", "frrouting", "fdio_vpp", "border0", "generic_vm"),
        *("nokia_srlinux", "srl", "nokia_sros", "nokia_srsim"),
        *("vr-sros", "vr-nokia_sros", "arista_ceos", "ceos", "arista_veos"),
        *("vr-veos", "vr-arista_veos", "juniper_crpd", "crpd", "juniper_vmx"),
        *("vr-vmx", "vr-juniper_vmx", "juniper_vqfx", "vr-vqfx", "vr-juniper_vqfx"),
        *("juniper_vsrx", "vr-vsrx", "vr-juniper_vsrx", "juniper_vjunosrouter"),
        *("juniper_vjunosswitch", "juniper_vjunosevolved", "juniper_cjunosevolved"),
        *("cisco_xrd", "xrd", "cisco_xrv", "vr-xrv", "vr-cisco_xrv", "cisco_xrv9k"),
        *("vr-xrv9k", "vr-cisco_xrv9k", "cisco_csr1000v", "vr-csr", "vr-cisco_csr"),
        *("cisco_n9kv", "vr-n9kv", "vr-cisco_n9kv", "cisco_c8000", "c8000"),
        *("cisco_c8000v", "c8000v", "cisco_cat9kv", "cisco_iol", "cisco_ftdv"),
        *("cisco_asav", "cisco_vios", "cisco_sdwan", "cumulus_cvx", "cvx"),
        *("aruba_aoscx", "vr-aoscx", "vr-aruba_aoscx", "sonic-vs", "sonic-vm"),
        *("dell_ftosv", "vr-ftosv", "vr-dell_ftosv", "dell_sonic"),
        *("mikrotik_ros", "vr-ros", "vr-mikrotik_ros", "huawei_vrp"),
        *(
            "ipinfusion_ocnos",
            "openbsd",
            "freebsd",
            "openwrt",
            "rare",
            "vyosnetworks_vyos",
        ),
        *("keysight_ixia-c-one", "ostinato", "checkpoint_cloudguard"),
        *("fortinet_fortigate", "vr-pan", "vr-paloalto_panos", "paloalto_panos"),
        *("6wind_vsr", "arrcus_arcos", "f5_bigip-ve", "f5_bigip_ve", "spirent_stc"),
        *("juniper_csrx", "cisco_xrd_vrouter", "nvidia_cumulusvx", "ciena_saos"),
        *("veesix_osvbng", "codelaboratory_bng", "plvision_sonic"),
        *("ciena_saos10", "vr-ciena_saos10", "vr-ciena_saos", "cisco_nxos", "vr-nxos"),
        *("vr-cisco_nxos", "cisco_csr", "cjunosevolved"),
    )
)
