"""The keys of systemd.netdev(5) and systemd.network(5) that no tenant may set, each with its reason.

networkd runs as the host: an interface that a file describes is the host's own side of a network. So everything is
refused that would change another interface, a route, a resolver, a filter or the identity of the host, or that would
make the host believe what somebody on the network says. The sections of which a tenant may set a part have their rows
where that part is; here are those that are refused as a whole.
"""

from collections.abc import Mapping

from ..settings import Setting, Verdict, refused

_HOST, _NO = Verdict.HOST, Verdict.FORBIDDEN

HOSTS_CHOICE = "A declaration is the same on every host; the registration says on which of them the tenant runs."
MATCH = "Write Name= with the name of the network; which interface of the host that is, the host decides."
HARDWARE_ADDRESS = "The host gives every interface an address of its own, which stays the same."
CLIENT = "The host never takes addresses, routes, servers or names from the network of a tenant."
ROUTES = "Routes of the host belong to the operator; a network is reached by its addresses."
RESOLVER = "It would change how the host finds names."
RESOLVERS = "It would change how the host finds names. Write it into [DHCPServer] or [IPv6SendRA] for the workloads."
FILTER = "The filter and the labels of the host keep tenants apart, and belong to the operator."
PROXY = "The host never answers for the addresses of others."
UNTAGGED = "Only untagged frames pass a network, so that no workload gets into another VLAN."
RING = "Networks cannot form a ring, so they need no spanning tree, and none is announced to the operator's switches."
RAW_OPTIONS = "Raw options would get around the checks of what is handed out."
NET_BOOT = "Machines start from images that were verified, never from the network."
RELAY = "Requests of a network are answered on it; the host carries them nowhere else."
QUEUES = "Limit a network with [TokenBucketFilter], or share it fairly with [CAKE]."
HANDLES = "The host numbers its queues itself."

_SHARING = "It would share an interface of the host past the bridges that keep tenants apart. Use Kind=bridge."
_TUNNEL = "Its end would be an address of the host. Run the tunnel inside of a workload."
_KEYS = "Its keys and its end would be the host's. Run it inside of a workload, with a credential."
_TAP = "It is the host that connects machines: write Bridge= in machines/NAME.vmspawn."
_BOND = "It would bind interfaces of the host together."
_HARDWARE = "It is about hardware of the host."
_CAN = "No workload can be connected to a CAN bus."
_VRF = "Routing tables of the host belong to the operator."
_LABELS = "It would change how the host chooses addresses for all of its traffic."
_NEIGHBOURS = "The host learns its neighbours, and pins those that workloads declare by Address=."
_FORWARDING = "The host learns where addresses are, and pins those that workloads declare."

# Each kind of netdev that is refused, with its reason.
KINDS: Mapping[str, str] = {
    "bond": _BOND, "macvlan": _SHARING, "macvtap": _SHARING, "ipvlan": _SHARING, "ipvtap": _SHARING,
    "dummy": "No workload can be connected to it. Use Kind=bridge.",
    "ifb": QUEUES, "nlmon": "It would show the traffic between the kernel and all programs of the host.",
    "tun": _TAP, "tap": _TAP, "vrf": _VRF, "vcan": _CAN, "vxcan": _CAN, "ipoib": _HARDWARE, "wlan": _HARDWARE,
    "hsr": _BOND, "batadv": _BOND, "wireguard": _KEYS, "macsec": _KEYS, "xfrm": _KEYS, "vti": _KEYS,
    "vti6": _KEYS,
    **{kind: _TUNNEL for kind in ("gre", "gretap", "erspan", "ip6gre", "ip6tnl", "ip6gretap", "ipip", "sit", "vxlan",
                                  "geneve", "l2tp", "fou", "bareudp")},
}  # fmt: skip


def group(verdict: Verdict, section: str, reason: str, keys: str, since: int = 0) -> tuple[Setting[str], ...]:
    """Rows of keys, given as words, that are refused for one reason."""
    return refused(verdict, section, reason, *keys.split(), since=since)


_CONDITIONS = "Host Virtualization KernelCommandLine KernelVersion Credential Architecture Firmware"


def conditions(reason: str) -> tuple[Setting[str], ...]:
    """The keys of [Match] that both kinds of file have: on which hosts the file counts."""
    return (
        *group(_NO, "Match", reason, _CONDITIONS),
        *group(_NO, "Match", reason, "Version", since=258),
        *group(_NO, "Match", reason, "MachineTag", since=262),
    )


_TUN = "MultiQueue PacketInfo VNetHeader User Group KeepCarrier"
_MACVLAN = "Mode SourceMACAddress BroadcastMulticastQueueLength BroadcastQueueThreshold"

NETDEV = (
    *group(_NO, "MACVLAN", _SHARING, _MACVLAN),
    *group(_NO, "MACVTAP", _SHARING, _MACVLAN),
    *group(_NO, "IPVLAN", _SHARING, "Mode Flags"),
    *group(_NO, "IPVTAP", _SHARING, "Mode Flags"),
    *group(_NO, "VXLAN", _TUNNEL, """VNI Remote Local Group TOS TTL MacLearning FDBAgeingSec MaximumFDBEntries
        ReduceARPProxy L2MissNotification L3MissNotification RouteShortCircuit UDPChecksum UDP6ZeroChecksumTx
        UDP6ZeroChecksumRx RemoteChecksumTx RemoteChecksumRx GroupPolicyExtension GenericProtocolExtension
        DestinationPort PortRange FlowLabel IPDoNotFragment Independent"""),
    *group(_NO, "VXLAN", _TUNNEL, "External VNIFilter", since=258),
    *group(_NO, "GENEVE", _TUNNEL, """Id Remote TOS TTL UDPChecksum UDP6ZeroChecksumTx UDP6ZeroChecksumRx
        DestinationPort FlowLabel IPDoNotFragment InheritInnerProtocol"""),
    *group(_NO, "HSR", _BOND, "Ports Protocol Supervision", since=258),
    *group(_NO, "BareUDP", _TUNNEL, "DestinationPort EtherType MinSourcePort"),
    *group(_NO, "L2TP", _TUNNEL, """TunnelId PeerTunnelId Remote Local EncapsulationType UDPSourcePort
        UDPDestinationPort UDPChecksum UDP6ChecksumTx UDP6ChecksumRx"""),
    *group(_NO, "L2TPSession", _TUNNEL, "Name SessionId PeerSessionId Layer2SpecificHeader"),
    *group(_NO, "MACsec", _KEYS, "Port Encrypt"),
    *group(_NO, "MACsecReceiveChannel", _KEYS, "Port MACAddress"),
    *group(_NO, "MACsecTransmitAssociation", _KEYS, "PacketNumber KeyId Key KeyFile Activate UseForEncoding"),
    *group(_NO, "MACsecReceiveAssociation", _KEYS, "Port MACAddress PacketNumber KeyId Key KeyFile Activate"),
    *group(_NO, "Tunnel", _TUNNEL, """External Local Remote TOS TTL DiscoverPathMTU IgnoreDontFragment IPv6FlowLabel
        CopyDSCP EncapsulationLimit Key InputKey OutputKey Mode Independent AssignToLoopback AllowLocalRemote
        FooOverUDP FOUDestinationPort FOUSourcePort Encapsulation IPv6RapidDeploymentPrefix ISATAP
        SerializeTunneledPackets ERSPANVersion ERSPANIndex ERSPANDirection ERSPANHardwareId"""),
    *group(_NO, "FooOverUDP", _TUNNEL, "Encapsulation Port PeerPort Protocol Peer Local"),
    *group(_NO, "VXCAN", _CAN, "Peer"),
    *group(_NO, "Tun", _TAP, _TUN),
    *group(_NO, "Tap", _TAP, _TUN),
    *group(_NO, "WireGuard", _KEYS, "PrivateKey PrivateKeyFile ListenPort FirewallMark RouteTable RouteMetric"),
    *group(_NO, "WireGuardPeer", _KEYS, """PublicKey PublicKeyFile PresharedKey PresharedKeyFile AllowedIPs Endpoint
        PersistentKeepalive RouteTable RouteMetric"""),
    *group(_NO, "Bond", _BOND, """Mode TransmitHashPolicy LACPTransmitRate MIIMonitorSec PeerNotifyDelaySec UpDelaySec
        DownDelaySec LearnPacketIntervalSec AdSelect AdActorSystemPriority AdUserPortKey AdActorSystem
        FailOverMACPolicy ARPValidate ARPIntervalSec ARPIPTargets ARPAllTargets PrimaryReselectPolicy ResendIGMP
        PacketsPerSlave GratuitousARP AllSlavesActive DynamicTransmitLoadBalancing MinLinks ARPMissedMax"""),
    *group(_NO, "Xfrm", _KEYS, "InterfaceId Independent"),
    *group(_NO, "VRF", _VRF, "Table"),
    *group(_NO, "BatmanAdvanced", _BOND, """GatewayMode Aggregation BridgeLoopAvoidance DistributedArpTable
        Fragmentation HopPenalty OriginatorIntervalSec GatewayBandwidthDown GatewayBandwidthUp RoutingAlgorithm"""),
    *group(_NO, "IPoIB", _HARDWARE, "PartitionKey Mode IgnoreUserspaceMulticastGroups"),
    *group(_NO, "WLAN", _HARDWARE, "PhysicalDevice Type WDS"),
)  # fmt: skip

NETWORK = (
    *group(_NO, "SR-IOV", _HARDWARE, """VirtualFunction VLANId QualityOfService VLANProtocol MACSpoofCheck
        QueryReceiveSideScaling Trust LinkState MACAddress"""),
    *group(_NO, "Neighbor", _NEIGHBOURS, "Address LinkLayerAddress"),
    *group(_NO, "IPv6AddressLabel", _LABELS, "Label Prefix"),
    *group(_NO, "RoutingPolicyRule", ROUTES, """TypeOfService From To FirewallMark Table Priority GoTo
        IncomingInterface OutgoingInterface L3MasterDevice SourcePort DestinationPort IPProtocol InvertRule Family
        User SuppressPrefixLength SuppressInterfaceGroup Type"""),
    *group(_NO, "NextHop", ROUTES, "Id Gateway Family OnLink Blackhole Group"),
    *group(_NO, "Route", ROUTES, """Gateway GatewayOnLink Destination Source Metric IPv6Preference Scope
        PreferredSource Table HopLimit Protocol Type InitialCongestionWindow InitialAdvertisedReceiveWindow QuickAck
        FastOpenNoCookie MTUBytes TCPAdvertisedMaximumSegmentSize TCPCongestionControlAlgorithm
        TCPRetransmissionTimeoutSec MultiPathRoute NextHop"""),
    *group(_NO, "DHCPv4", CLIENT, """RequestAddress SendHostname Hostname MUDURL ClientIdentifier
        VendorClassIdentifier UserClass DUIDType DUIDRawData IAID RapidCommit Anonymize RequestOptions SendOption
        SendVendorOption IPServiceType SocketPriority Label UseDNS RoutesToDNS UseNTP RoutesToNTP UseSIP
        UseCaptivePortal UseDNR UseMTU UseHostname UseDomains UseRoutes RouteMetric RouteTable RouteMTUBytes QuickAck
        InitialCongestionWindow InitialAdvertisedReceiveWindow UseGateway UseTimezone Use6RD UnassignedSubnetPolicy
        IPv6OnlyMode FallbackLeaseLifetimeSec RequestBroadcast MaxAttempts ListenPort ServerPort DenyList AllowList
        SendRelease SendDecline NetLabel NFTSet"""),
    *group(_NO, "DHCPv4", CLIENT, "BOOTP", since=258),
    # The section's old name, which systemd's own files still use.
    *group(_NO, "DHCP", CLIENT, """Anonymize ClientIdentifier CriticalConnection DUIDRawData DUIDType
        ForceDHCPv6PDOtherInformation Hostname IAID ListenPort RapidCommit RequestBroadcast RouteMetric RouteTable
        SendHostname UseDNS UseDomainName UseDomains UseHostname UseMTU UseNTP UseRoutes UseTimezone UserClass
        VendorClassIdentifier"""),
    *group(_NO, "DHCPv6", CLIENT, """MUDURL IAID DUIDType DUIDRawData RequestOptions SendOption SendVendorOption
        UserClass VendorClass PrefixDelegationHint UnassignedSubnetPolicy RapidCommit SendHostname Hostname
        UseAddress UseCaptivePortal UseDelegatedPrefix UseDNS UseDNR UseNTP UseSIP UseHostname UseDomains NetLabel
        SendRelease NFTSet WithoutRA"""),
    *group(_NO, "DHCPv6", CLIENT, "RouteTable", since=261),
    *group(_NO, "DHCPPrefixDelegation", CLIENT, """UplinkInterface SubnetId Announce Assign Token
        ManageTemporaryAddress RouteMetric NetLabel NFTSet"""),
    *group(_NO, "IPv6AcceptRA", CLIENT, """UseRedirect Token UseDNS UseDNR UseDomains RouteTable RouteMetric QuickAck
        UseMTU UseHopLimit UseReachableTime UseRetransmissionTime UseGateway UseRoutePrefix UseCaptivePortal
        UsePREF64 UseAutonomousPrefix UseOnLinkPrefix RouterDenyList RouterAllowList PrefixDenyList PrefixAllowList
        RouteDenyList RouteAllowList DHCPv6Client NetLabel NFTSet"""),
    *group(_NO, "DHCPRelay", RELAY, """AgentAddress GatewayAddress CircuitId VirtualSubnetSelection ExtraOption
        InterfacePriority""", since=261),
    *group(_NO, "IPv6PREF64Prefix", "The host does not translate between IPv6 and IPv4.", "Prefix LifetimeSec"),
    *group(_NO, "BridgeFDB", _FORWARDING, "MACAddress Destination VLANId VNI AssociatedWith OutgoingInterface"),
    *group(_NO, "BridgeMDB", _FORWARDING, "MulticastGroupAddress VLANId"),
    *group(_NO, "LLDP", "The host does not describe itself to a network.", "MUDURL"),
    *group(_NO, "CAN", _HARDWARE, """BitRate SamplePoint TimeQuantaNSec PropagationSegment PhaseBufferSegment1
        PhaseBufferSegment2 SyncJumpWidth DataBitRate DataSamplePoint DataTimeQuantaNSec DataPropagationSegment
        DataPhaseBufferSegment1 DataPhaseBufferSegment2 DataSyncJumpWidth FDMode FDNonISO RestartSec Termination
        TripleSampling BusErrorReporting ListenOnly Loopback OneShot PresumeACK ClassicDataLengthCode"""),
    *group(_NO, "IPoIB", _HARDWARE, "Mode IgnoreUserspaceMulticastGroups"),
    *group(_HOST, "QDisc", "The filters of the host hang there.", "Parent Handle"),
    *group(_NO, "PIE", QUEUES, "Parent Handle PacketLimit"),
    *group(_NO, "FlowQueuePIE", QUEUES, "Parent Handle PacketLimit"),
    *group(_NO, "StochasticFairBlue", QUEUES, "Parent Handle PacketLimit"),
    *group(_NO, "StochasticFairnessQueueing", QUEUES, "Parent Handle PerturbPeriodSec"),
    *group(_NO, "BFIFO", QUEUES, "Parent Handle LimitBytes"),
    *group(_NO, "PFIFO", QUEUES, "Parent Handle PacketLimit"),
    *group(_NO, "PFIFOHeadDrop", QUEUES, "Parent Handle PacketLimit"),
    *group(_NO, "PFIFOFast", QUEUES, "Parent Handle"),
    *group(_NO, "ControlledDelay", QUEUES, "Parent Handle PacketLimit TargetSec IntervalSec ECN CEThresholdSec"),
    *group(_NO, "DeficitRoundRobinScheduler", QUEUES, "Parent Handle"),
    *group(_NO, "DeficitRoundRobinSchedulerClass", QUEUES, "Parent ClassId QuantumBytes"),
    *group(_NO, "EnhancedTransmissionSelection", QUEUES, "Parent Handle Bands StrictBands QuantumBytes PriorityMap"),
    *group(_NO, "GenericRandomEarlyDetection", QUEUES, "Parent Handle VirtualQueues DefaultVirtualQueue GenericRIO"),
    *group(_NO, "FairQueueingControlledDelay", QUEUES, """Parent Handle PacketLimit MemoryLimitBytes Flows TargetSec
        IntervalSec QuantumBytes ECN CEThresholdSec"""),
    *group(_NO, "FairQueueing", QUEUES, """Parent Handle PacketLimit FlowLimit QuantumBytes InitialQuantumBytes
        MaximumRate Buckets OrphanMask Pacing CEThresholdSec"""),
    *group(_NO, "TrivialLinkEqualizer", QUEUES, "Parent Handle Id"),
    *group(_NO, "HierarchyTokenBucket", QUEUES, "Parent Handle DefaultClass RateToQuantum"),
    *group(_NO, "HierarchyTokenBucketClass", QUEUES, """Parent ClassId Priority QuantumBytes MTUBytes OverheadBytes
        Rate CeilRate BufferBytes CeilBufferBytes"""),
    *group(_NO, "ClassfulMultiQueueing", QUEUES, "Parent Handle"),
    *group(_NO, "BandMultiQueueing", QUEUES, "Parent Handle"),
    *group(_NO, "HeavyHitterFilter", QUEUES, "Parent Handle PacketLimit"),
    *group(_NO, "QuickFairQueueing", QUEUES, "Parent Handle"),
    *group(_NO, "QuickFairQueueingClass", QUEUES, "Parent ClassId Weight MaxPacketBytes"),
    *group(_HOST, "BridgeVLAN", UNTAGGED, "VLAN EgressUntagged PVID"),
    *group(_NO, "MobileNetwork", _HARDWARE, """APN AllowedAuthenticationMechanisms User Password IPFamily AllowRoaming
        PIN OperatorId RouteMetric UseGateway""", since=260),
)  # fmt: skip
