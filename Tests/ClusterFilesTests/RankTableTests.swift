import ClusterFiles
import Testing
import Topology

@Suite("Rank tables")
struct RankTableTests {
    static let tables: [RankTable.Version: RankTable] = [
        .superPods: Fixtures.superPodTable(), .layers: Fixtures.layerTable(),
        .servers: (try? Fixtures.superPodTable().convert(to: .servers).table) ?? Fixtures.superPodTable(),
    ]

    private static func parse(_ text: String) throws -> RankTable {
        try RankTable.parse(Fixtures.text(text, "table.json"))
    }

    private static func text(_ version: RankTable.Version) throws -> String {
        try #require(tables[version]).json
    }

    @Test("The documented examples are written and read back as they were", arguments: RankTable.Version.allCases)
    func roundTrip(version: RankTable.Version) throws {
        let table = try #require(Self.tables[version])
        #expect(table.version == version)
        #expect(throws: Never.self) { try table.check() }
        #expect(try Self.parse(table.json) == table)
        #expect(try Self.parse("\u{FEFF}" + table.json.replacing("\n", with: "\r\n")) == table)
    }

    @Test("Versions 1.0 and 1.2 have texts for numbers, 2.0 has numbers, as HCCL's readers expect")
    func spelling() throws {
        let old = try Self.text(.superPods)
        #expect(old.contains("\"server_count\": \"4\"") && old.contains("\"super_device_id\": \"5\""))
        #expect(old.contains("\"device_port\": \"16666\"") && old.contains("\"super_pod_id\": \"1\""))
        let new = try Self.text(.layers)
        #expect(
            new.contains("\"rank_count\": 4,") && new.contains("\"net_layer\": 1,")
                && new.contains("\"ports\": [\"1/5\", \"1/6\"]"))
    }

    @Test("A whole CloudMatrix384 is 384 NPUs and 768 ranks in every version", arguments: RankTable.Version.allCases)
    func whole(version: RankTable.Version) throws {
        let plan = try HostPlan(filling: [HostOffer(name: "pod", slots: 768)])
        let table = try RankTable(version: version, plan: plan, machine: .cloudMatrix384)
        #expect(table.servers.count == 48 && table.npuCount == 384 && table.rankCount == 768)
        let read = try Self.parse(table.json)
        #expect(read == table)
        #expect(throws: Never.self) { try read.check(against: .cloudMatrix384) }
        if version == .layers {
            let planes = read.servers[0].devices[0].layers[0].addresses.map(\.plane)
            #expect(planes == (0..<7).map { "plane\($0)" })
        }
    }

    @Test(
        "HCCL's rules are enforced, with line and place",
        arguments: [
            ("\"status\": \"completed\"", "\"status\": \"initializing\"", "status", "stale"),
            ("    \"status\": \"completed\",\n", "", "status", "is missing"),
            ("\"version\": \"1.2\"", "\"version\": \"1.1\"", "version", "\"1.0\", \"1.2\" or \"2.0\""),
            ("\"version\": \"1.2\"", "\"version\": 1.2", "version", "must be a text"),
            ("\"server_count\": \"4\"", "\"server_count\": \"3\"", "server_count", "server_list has 4"),
            ("\"server_count\": \"4\"", "\"server_count\": 4", "server_count", "in quotes"),
            ("\"server_id\": \"node_1\"", "\"server_id\": \"node_0\"", "server_list[1].server_id", "there twice"),
            ("\"rank_id\": \"5\"", "\"rank_id\": \"4\"", "server_list[1].device[1].rank_id", "rank 4 is there twice"),
            ("\"rank_id\": \"15\"", "\"rank_id\": \"16\"", "server_list[3].device[3].rank_id", "outside 0 to 15"),
            ("\"rank_id\": \"0\"", "\"rank_id\": \"-1\"", "rank_id", "in quotes"),
            ("\"rank_id\": \"0\"", "\"rank_id\": \"99999999999999999999\"", "rank_id", "in quotes"),
            ("\"device_id\": \"1\"", "\"device_id\": \"0\"", "server_list[0].device[1].device_id", "twice"),
            ("\"device_id\": \"1\"", "\"device_id\": \"65\"", "device_id", "\"0\" to \"64\""),
            (
                "192.168.1.7\",\n                    \"device_port",
                "192.168.1.6\",\n                    \"device_port",
                "server_list[0].device[1].device_ip", "there twice"
            ),
            ("\"device_ip\": \"192.168.1.6\"", "\"device_ip\": \"192.168.1.256\"", "device_ip", "not an IPv4"),
            ("\"device_ip\": \"192.168.1.6\",", "", "server_list[0].device[0].device_ip", "is missing"),
            (
                "\"backup_device_ip\": \"192.168.1.7\"", "\"backup_device_ip\": \"192.168.1.8\"",
                "server_list[0].device[0].backup_device_ip", "other die of NPU 0"
            ),
            (
                "\"backup_device_ip\": \"192.168.1.7\"", "\"backup_device_ip\": \"192.168.2.7\"",
                "server_list[0].device[0].backup_device_ip", "other die of NPU 0"
            ),
            (
                "\"backup_device_port\": \"17666\"", "\"backup_device_port\": \"16667\"",
                "server_list[0].device[0].backup_device_port", "also the device_port"
            ),
            ("\"host_port\": \"16666\"", "\"host_port\": \"16665\"", "server_list[0].device[1].host_port", "twice"),
            (
                "\"super_device_id\": \"1\"", "\"super_device_id\": \"0\"", "server_list[0].device[1].super_device_id",
                "twice"
            ),
            ("\"super_device_id\": \"1\",", "", "server_list[0].device[1].super_device_id", "is missing"),
            ("\"super_pod_id\": \"1\"", "\"super_pod_id\": \"0\"", "super_pod_list[1].super_pod_id", "twice"),
            ("\"rank_id\": \"0\"", "\"rank_id\": \"0\", \"rank_id\": \"0\"", "", "there twice"),
            ("\"rank_id\": \"0\"", "\"rank_id\": \"0\", \"colour\": \"red\"", "colour", "is not a key"),
        ])
    func refused(old: String, new: String, place: String, rule: String) throws {
        let text = try Self.text(.superPods)
        let broken = text.replacing(old, with: new, maxReplacements: 1)
        #expect(broken != text)
        let error = #expect(throws: ClusterFileError.self) { try Self.parse(broken) }
        let message = error?.description ?? ""
        #expect(message.hasPrefix("table.json:") && error?.line.map { $0 > 0 } == true, "\(message)")
        #expect(error?.place.hasSuffix(place) == true && message.contains(rule), "\(message)")
    }

    @Test("Interleaved ranks are refused with the servers' names")
    func interleaved() throws {
        var table = Fixtures.superPodTable()
        (table.servers[0].devices[3].rank, table.servers[1].devices[3].rank) = (7, 3)
        let error = #expect(throws: RankTableError.self) { try table.check() }
        #expect(error?.description.contains("\"node_0\" are interleaved") == true)
        #expect(error?.description.contains("\"node_1\"") == true)
        let read = #expect(throws: ClusterFileError.self) { try Self.parse(table.json) }
        #expect(read?.place == "server_list[0]" && read?.line == 6)
    }

    @Test("SuperPoDs that are mixed, overlap, or leave a server out are refused")
    func pods() throws {
        let lists = [["node_0", "node_2"], ["node_1", "node_3"]]
        let cases: [([[String]], String)] = [
            (lists, "mixed"), ([["node_0"], ["node_2", "node_3"]], "in no SuperPoD"),
            ([["node_0", "node_1"], ["node_1", "node_2", "node_3"]], "in two SuperPoDs"),
            ([["node_0", "node_9"], ["node_2", "node_3"]], "not in server_list"),
        ]
        for (lists, rule) in cases {
            var table = Fixtures.superPodTable()
            table.superPods = lists.enumerated().map { RankTable.SuperPod(id: "\($0.offset)", serverIDs: $0.element) }
            let error = #expect(throws: RankTableError.self) { try table.check() }
            #expect(error?.rule.contains(rule) == true, "\(String(describing: error))")
        }
    }

    @Test("A table of thousands of ranks is read and written")
    func large() throws {
        let table = Fixtures.superPodTable(pods: 2, serversPerPod: 75, devices: 64)
        #expect(table.rankCount == 9_600)
        #expect(try RankTable.parse(Fixtures.text(table.json)) == table)
    }

    @Test("A die that a machine has and the table lacks is named")
    func missingDie() throws {
        let plan = try HostPlan(filling: (0..<4).map { HostOffer(name: "h\($0)", slots: 16) })
        let machine = try TopologyFile.read(path: Fixtures.topologyPath("four-hosts"))
        var table = try RankTable(version: .superPods, plan: plan, machine: machine)
        #expect(throws: Never.self) { try table.check(against: machine) }
        table.servers[3].devices.remove(at: 7)
        for index in 7..<15 { table.servers[3].devices[index].rank -= 1 }
        #expect(throws: Never.self) { try table.check() }
        let error = #expect(throws: RankTableError.self) { try table.check(against: machine) }
        #expect(error?.description == "server \"h3\": die 1 of NPU 3 (device 7) is missing")
        #expect(throws: RankTableError.self) { try Fixtures.superPodTable(devices: 20).check(against: machine) }
        #expect(throws: RankTableError.self) {
            try Fixtures.superPodTable(pods: 5, devices: 16).check(against: machine)
        }
    }

    @Test(
        "Version 2.0's rules are enforced",
        arguments: [
            ("\"rank_count\": 4", "\"rank_count\": 5", "rank_count", "rank_list has 4"),
            ("\"rank_count\": 4", "\"rank_count\": \"4\"", "rank_count", "integer"),
            ("\"rank_id\": 3", "\"rank_id\": 2", "rank_list[3].rank_id", "there twice"),
            ("\"rank_id\": 3", "\"rank_id\": 4", "rank_list[3].rank_id", "outside"),
            ("\"net_layer\": 0", "\"net_layer\": 2", "level_list", "begin with net_layer 0"),
            ("\"net_layer\": 1", "\"net_layer\": 0", "net_layer", "does not rise"),
            ("TOPO_FILE_DESC", "CLOS", "net_type", "TOPO_FILE_DESC"),
            ("\"1/5\", \"1/6\"", "\"1/5\", \"0/4\"", "rank_addr_list", "two addresses"),
            ("\"addr_type\": \"IPV4\"", "\"addr_type\": \"EID\"", "addr", "not an address of kind EID"),
            ("\"addr_type\": \"IPV4\"", "\"addr_type\": \"X25\"", "addr_type", "EID, IPV4 or IPV6"),
            ("\"status\": \"completed\"", "\"status\": \"initializing\"", "status", "stale"),
            ("[\"1/0\"]", "[]", "ports", "one entry"), ("[\"1/0\"]", "[1]", "ports[0]", "text"),
            ("\"az0-rack0-pod1\"", "\"az0-rack0-pod0\"", "rank_list[2].device_id", "twice"),
        ])
    func layers(old: String, new: String, place: String, rule: String) throws {
        let text = try Self.text(.layers)
        let broken = text.replacing(old, with: new, maxReplacements: 1)
        #expect(broken != text)
        let error = #expect(throws: ClusterFileError.self) { try Self.parse(broken) }
        let message = error?.description ?? ""
        #expect(error?.line.map { $0 > 0 } == true && message.contains(place) && message.contains(rule), "\(message)")
    }

    @Test("The address kinds of the documentation's table are read as well as those of its examples")
    func kinds() throws {
        let text = try Self.text(.layers).replacing("\"IPV4\"", with: "\"IPv4\"")
        #expect(try Self.parse(text) == Fixtures.layerTable())
        #expect(try Self.parse(text.replacing("    \"status\": \"completed\",\n", with: "")) == Fixtures.layerTable())
    }

    @Test("Every version converts to every other, ranks and devices kept, losses told")
    func conversion() throws {
        for from in RankTable.Version.allCases {
            for to in RankTable.Version.allCases {
                let table = try #require(Self.tables[from])
                let (converted, remarks) = try table.convert(to: to)
                #expect(converted.version == to && (from == to) == remarks.isEmpty, "\(from) to \(to): \(remarks)")
                #expect(try Self.parse(converted.json) == converted)
                #expect(
                    converted.servers.map { $0.devices.map(\.rank) } == table.servers.map { $0.devices.map(\.rank) })
                #expect(
                    converted.servers.map { $0.devices.map(\.deviceID) }
                        == table.servers.map { $0.devices.map(\.deviceID) })
            }
        }
        var bare = Fixtures.superPodTable(pods: 1)
        for server in bare.servers.indices {
            for device in bare.servers[server].devices.indices {
                bare.servers[server].devices[device].ip = nil
                bare.servers[server].devices[device].backupIP = nil
            }
        }
        #expect(throws: Never.self) { try bare.check() }
        #expect(throws: RankTableError.self) { try bare.convert(to: .layers) }
        #expect(throws: RankTableError.self) { try bare.convert(to: .servers) }
    }

    @Test("A plan whose hosts cut a server in two gives no table")
    func cut() throws {
        let plan = try HostPlan(filling: [HostOffer(name: "a", slots: 8), HostOffer(name: "b", slots: 24)])
        #expect(throws: RankTableError.self) { try RankTable(version: .servers, plan: plan, machine: .cloudMatrix384) }
        let large = try HostPlan(filling: [HostOffer(name: "a", slots: 769)])
        #expect(throws: RankTableError.self) { try RankTable(version: .servers, plan: large, machine: .cloudMatrix384) }
    }

    @Test(
        "Addresses are told by their form",
        arguments: [
            ("10.0.0.1", true, false), ("0.0.0.0", true, false), ("256.0.0.1", false, false), ("1.2.3", false, false),
            ("01.2.3.4", false, false), ("::", false, true), ("::1", false, true), ("fe80::1:2", false, true),
            ("1:2:3:4:5:6:7:8", false, true), ("1:2:3:4:5:6:7", false, false), ("1::2::3", false, false),
            ("::ffff:10.0.0.1", false, true), ("12345::", false, false), (":::", false, false), ("", false, false),
            ("1:2:3:4:5:6:7::", false, true), ("g::1", false, false),
        ])
    func addresses(text: String, isIPv4: Bool, isIPv6: Bool) {
        #expect(NetworkAddress.isIPv4(text) == isIPv4 && NetworkAddress.isIPv6(text) == isIPv6)
    }
}
