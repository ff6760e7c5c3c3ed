import ClusterFiles
import Testing
import Topology

@Suite("Topology files")
struct TopologyTests {
    @Test("The CloudMatrix384 file says what the built-in description says")
    func cloudMatrix() throws {
        let machine = try TopologyFile.read(path: Fixtures.topologyPath("cloudmatrix384"))
        #expect(machine == .cloudMatrix384)
        #expect(machine.digest == Machine.cloudMatrix384.digest)
        #expect(machine.shape.npuCount == 384 && machine.shape.dieCount == 768)
        // arXiv 2506.12708, section 3: 112 L2 chips, 448 GB/s of uplink an L1 chip, 392 GB/s an NPU.
        let fabric = try #require(machine.planes.first?.fabric)
        #expect(fabric.l2Count == 112 && fabric.uplinksPerL1 * fabric.linkBandwidth == 448_000_000_000)
        #expect(machine.dieBandwidth(on: .unifiedBus).map { $0 * 2 } == 392_000_000_000)
        #expect(machine.dieBandwidth(on: .rdma) == 25_000_000_000 && machine.dieBandwidth(on: .vpc) == nil)
    }

    @Test("The small machines read", arguments: [("laptop2", 2, 1), ("laptop16", 16, 1), ("four-hosts", 64, 4)])
    func small(name: String, dies: Int, hosts: Int) throws {
        let machine = try TopologyFile.read(path: Fixtures.topologyPath(name))
        #expect(machine.shape.dieCount == dies && machine.hosts.count == hosts && machine.name == name)
    }

    @Test("The digest follows the values, not the way they are written")
    func digest() throws {
        let text = try Fixtures.topologyText("four-hosts")
        let machine = try TopologyFile.parse(Fixtures.text(text))
        let plain = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.joined(separator: "\r\n")
        #expect(try TopologyFile.parse(Fixtures.text("\u{FEFF}" + plain)).digest == machine.digest)
        let changes = [
            ("name: four-hosts", "name: five-hosts"), ("name: h3", "name: h4"), ("latency: 1.2 us", "latency: 1.3 us"),
            ("perDie: 64 GB", "perDie: 65 GB"), ("bandwidth: 167 GB/s", "bandwidth: 168 GB/s"),
        ]
        var digests: Set<UInt64> = [machine.digest]
        for (old, new) in changes {
            let changed = try TopologyFile.parse(Fixtures.text(text.replacing(old, with: new)))
            #expect(digests.insert(changed.digest).inserted, "\(new)")
        }
    }

    @Test(
        "A description that does not hold together is refused with the line and the rule",
        arguments: [
            ("portsPerL2: 4 ", "portsPerL2: 5 ", "planes[0].fabric", "5 ports for 4 servers"),
            ("uplinksPerL1: 16 ", "uplinksPerL1: 15 ", "fabric", "15 uplinks"),
            ("subPlanes: 7 ", "subPlanes: 6 ", "fabric", "do not make bandwidthPerDie"),
            ("bandwidthPerServer: 3136 GB/s", "bandwidthPerServer: 3137 GB/s", "planes[0]", "16 dies"),
            ("servers: 3}", "servers: 2}", "hosts[3]", "server 2 is already on host \"h2\""),
            ("servers: 3}", "servers: 4}", "hosts[3]", "outside 0-3"),
            ("  - {name: h3, servers: 3}\n", "", "hosts", "server 3 is on no host"),
            ("name: h3", "name: h0", "hosts[3]", "there twice"),
            ("kind: RDMA", "kind: UB", "planes[1]", "UB is there twice"),
            ("kind: RDMA", "kind: ATM", "kind", "must be UB or RDMA or VPC"),
            ("to: cpu, tier: server", "to: cpu, tier: package", "paths[6]", "no package path to a cpu"),
            ("operation: write", "operation: read", "paths[1]", "is there twice"),
            ("196 GB/s", "196", "bandwidthPerDie", "with its unit"),
            ("196 GB/s", "99999999999999999999 GB/s", "bandwidthPerDie", "with its unit"),
            ("latency: 0.2 us", "latency: 0.0002 us", "latency", "with its unit"),
            ("servers: 4 ", "servers: 4097 ", "servers", "1 to 4096"),
            (
                "servers: 4  # chosen here\n  npusPerServer: 8 ", "servers: 4096\n  npusPerServer: 256 ", "supernode",
                "65536 allowed"
            ),
            ("servers: 4 ", "servers: four ", "servers", "integer"),
            ("perDie: 64 GB", "perDie: 64 GB\n  speed: fast", "speed", "is not a key"),
            ("format: softpod-topology/1", "format: softpod-topology/2", "format", "must be \"softpod-topology/1\""),
            ("name: four-hosts\n", "", "name", "is missing"), ("name: h3", "name: -h3", "name", "not a host's name"),
        ])
    func refused(old: String, new: String, place: String, rule: String) throws {
        let text = try Fixtures.topologyText("four-hosts")
        #expect(text.contains(old), "\(old)")
        let broken = text.replacing(old, with: new, maxReplacements: 1)
        let error = #expect(throws: ClusterFileError.self) { try TopologyFile.parse(Fixtures.text(broken, "t.yaml")) }
        let message = error?.description ?? ""
        #expect(message.hasPrefix("t.yaml:") && error?.line != nil, "\(message)")
        #expect(message.contains(place) || error?.place.contains(place) == true, "\(message)")
        #expect(message.contains(rule), "\(message)")
    }

    @Test("A rule's line is the line of what it is about")
    func lines() throws {
        let text = try Fixtures.topologyText("four-hosts").replacing(
            "{name: h3, servers: 3}", with: "{name: h3, servers: 9}")
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let expected = try #require(lines.firstIndex { $0.contains("servers: 9") }) + 1
        let error = #expect(throws: ClusterFileError.self) { try TopologyFile.parse(Fixtures.text(text)) }
        #expect(error?.line == expected)
    }

    @Test("Dies know their places and hosts their dies")
    func places() throws {
        let machine = try TopologyFile.read(path: Fixtures.topologyPath("four-hosts"))
        #expect(machine.hosts.map { machine.dies(of: $0) } == [0..<16, 16..<32, 32..<48, 48..<64])
        #expect(machine.host(ofServer: 2)?.name == "h2" && machine.host(ofServer: 4) == nil)
    }
}
