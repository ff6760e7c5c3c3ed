import ClusterFiles
import Testing
import Topology

@Suite("Cluster files")
struct ClusterFileTests {
    @Test("A cluster file gives its hosts, deadlines and paths")
    func reads() throws {
        let file = try ClusterFile.parse(Fixtures.text(Fixtures.cluster, "/etc/pod/cluster.yaml"))
        #expect(file.name == "demo" && file.diesPerProcess == 2)
        #expect(file.waitMilliseconds == 30_000 && file.startMilliseconds == 120_000)
        #expect(file.keyPath == "/etc/pod/keys/demo.key" && file.topologyPath == nil)
        #expect(file.plan.hosts.map(\.name) == ["h0", "h1", "h2", "h3"])
        #expect(file.plan.hosts.map(\.ranks.count) == [16, 16, 16, 4])
        #expect(file.plan.hosts.map(\.address) == ["10.77.0.1", "h1", "h2", "h3"] && file.plan.hosts[0].port == 7000)
    }

    @Test("The shipped cluster file and hostfile are the same plan, and fit the shipped machine")
    func shipped() throws {
        let file = try ClusterFile.read(path: Fixtures.root + "/cluster/hosts/four-hosts.yaml")
        #expect(try file.machine()?.name == "four-hosts")
        let offers = try HostFile.read(path: Fixtures.root + "/cluster/hosts/four-hosts.txt")
        let plan = try HostPlan(filling: offers)
        #expect(plan.hosts.map(\.ranks) == file.plan.hosts.map(\.ranks))
        #expect(plan.hosts.map(\.name) == file.plan.hosts.map(\.name))
    }

    @Test("A cluster file's topology is read from beside it, and must fit")
    func topology() throws {
        let text = """
            format: softpod-cluster/1
            name: four
            topology: topologies/four-hosts.yaml
            hosts:
              - {name: "h[0-3]", npus: 8}

            """
        let path = Fixtures.root + "/cluster/four.yaml"
        let machine = try ClusterFile.parse(Fixtures.text(text, path)).machine()
        #expect(machine?.name == "four-hosts")
        let small = text.replacing("h[0-3]", with: "h[0-2]")
        let error = #expect(throws: ClusterFileError.self) {
            try ClusterFile.parse(Fixtures.text(small, path)).machine()
        }
        #expect(error?.rule.contains("\"h3\"") == true)
        let missing = text.replacing("four-hosts", with: "nowhere")
        let absent = #expect(throws: ClusterFileError.self) {
            try ClusterFile.parse(Fixtures.text(missing, path)).machine()
        }
        #expect(absent?.code == .unreadable)
    }

    @Test(
        "A cluster file's mistakes are refused with the line",
        arguments: [
            ("dies: 4", "dies: 0", 9, "1 to 65536"), ("dies: 4", "dies: 4, npus: 2", 9, "and not both"),
            ("h3, dies: 4", "h3", 9, "needs dies or npus"), ("name: h3", "name: h1", 9, "there twice"),
            ("port: 7000", "port: 70000", 7, "1 to 65535"), ("10.77.0.1", "\"; rm\"", 7, "not a host's name"),
            ("npus: 8", "npus: 8, address: x", 8, "one address for 2 hosts"),
            ("wait: 30 s", "wait: 30", 4, "with its unit"),
            ("wait: 30 s", "wait: 2 years", 4, "with its unit"), ("wait: 30 s", "wait: 86401 s", 4, "1 ms to 86400 s"),
            ("keyFile", "keyfile", 5, "known are"), ("name: demo", "name: demo\nname: other", 3, "there twice"),
            ("name: demo", "name: [demo]", 2, "must be a text"), ("name: demo", "name: &x demo", 2, "anchors"),
            ("name: demo", "name: *x", 2, "alias"), ("name: demo", "name: !!str demo", 2, "tags"),
            ("name: demo", "name: 12", 2, "must be a text"), ("hosts:", "hosts: 4\nmore:", 7, "not a key"),
            ("diesPerProcess: 2", "diesPerProcess: 0x2", 3, "must be an integer"),
            ("diesPerProcess: 2", "diesPerProcess: 99999999999999999999", 3, "must be an integer"),
        ])
    func refused(old: String, new: String, line: Int, rule: String) {
        let text = Fixtures.cluster.replacing(old, with: new)
        #expect(text != Fixtures.cluster)
        let error = #expect(throws: ClusterFileError.self) { try ClusterFile.parse(Fixtures.text(text, "c.yaml")) }
        #expect(error?.line == line && error?.description.contains(rule) == true, "\(String(describing: error))")
    }
}
