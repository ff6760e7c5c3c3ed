import ClusterFiles
import Testing
import Topology

@Suite("Hosts, hostfiles and plans")
struct HostTests {
    @Test(
        "Short lists stand for the names that Slurm means",
        arguments: [
            ("n[01-04,7]", "n01 n02 n03 n04 n7"), ("a", "a"), ("a,b,c", "a b c"),
            ("n[1-2],m[08-11]x", "n1 n2 m08x m09x m10x m11x"),
            ("r[1-2]n[1-2]", "r1n1 r1n2 r2n1 r2n2"), ("n[9-11]", "n9 n10 n11"), ("10.0.0.[1-2]", "10.0.0.1 10.0.0.2"),
            ("n[007]", "n007"),
        ])
    func lists(text: String, names: String) throws {
        #expect(try HostList.expand(text).joined(separator: " ") == names)
    }

    @Test(
        "A list that is none is refused, a large one before it is written out",
        arguments: [
            "", ",", "a,", "n[1", "n1]", "n[[1]]", "n[2-1]", "n[a]", "n[]", "n[1-]", "n[-1]", "n[1-999999999999999999]",
            "a[1-4096]b[1-2]", "a[0-99]b[0-99]c[0-99]", "-x", "a b", "a\u{7}", "n[1-99999999999999999999]", "[1-2]x,[",
            "ü",
        ])
    func badLists(text: String) {
        #expect(throws: HostListError.self) { try HostList.expand(text) }
    }

    @Test("A long name is refused before it is multiplied")
    func longNames() {
        let name = String(repeating: "x", count: 900_000)
        #expect(throws: HostListError.self) { try HostList.expand(name + "[1-4096]") }
        #expect(throws: HostListError.self) { try HostList.expand("[1-4096]" + name) }
    }

    @Test("A hostfile of both styles gives its hosts in order")
    func hostfile() throws {
        let offers = try HostFile.parse(Fixtures.text(Fixtures.hostfile))
        #expect(offers.map(\.name) == ["h0", "h1", "n01", "n02", "n03", "last"])
        #expect(offers.map(\.slots) == [4, 4, 2, 2, 2, 1] && offers[0].maximumSlots == 8)
        let windows =
            "\u{FEFF}" + Fixtures.hostfile.replacing("\n", with: "\r\n").replacing("max-slots", with: "max_slots")
        #expect(try HostFile.parse(Fixtures.text(windows)) == offers)
    }

    @Test(
        "A hostfile's mistakes are refused with the line",
        arguments: [
            ("a\na", 2, "on line 1 already"), ("a slots=0", 1, "1 to 65536, not 0"),
            ("\n\na slots=x", 3, "must be a number"),
            ("a:0", 1, "1 to 65536"), ("a:x", 1, "not a number of slots"), ("a:4 slots=4", 1, "both"),
            ("a slots=4 slots=4", 1, "twice"), ("a slots=4 max-slots=2", 1, "less than slots"),
            ("a user=me", 1, "neither"),
            ("a 4", 1, "neither"), ("a slots=99999999999999999999", 1, "must be a number"), ("n[1-3]\nn2", 2, "line 1"),
            ("-oProxyCommand=x", 1, "not a host's name"), ("a;b", 1, "not a host's name"), ("n[1-9999]", 1, "too many"),
        ])
    func badHostfiles(text: String, line: Int, rule: String) {
        let error = #expect(throws: ClusterFileError.self) { try HostFile.parse(Fixtures.text(text, "hosts")) }
        #expect(error?.line == line && error?.description.contains(rule) == true, "\(String(describing: error))")
    }

    @Test("A hostfile without a host is refused", arguments: ["", "\n\n", "# nothing\n"])
    func empty(text: String) {
        #expect(throws: ClusterFileError.self) { try HostFile.parse(Fixtures.text(text)) }
    }

    @Test("Dies fill hosts in order; maxima are drawn on only for what the slots do not hold")
    func filling() throws {
        let offers = [
            HostOffer(name: "a", slots: 4, maximumSlots: 8), HostOffer(name: "b", slots: 2),
            HostOffer(name: "c", slots: 4, maximumSlots: 6),
        ]
        #expect(try HostPlan(filling: offers).hosts.map(\.ranks) == [0..<4, 4..<6, 6..<10])
        #expect(try HostPlan(filling: offers, dies: 5).hosts.map(\.ranks) == [0..<4, 4..<5])
        #expect(
            try HostPlan(filling: offers, dies: 15, usingMaximum: true).hosts.map(\.ranks) == [0..<8, 8..<10, 10..<15])
        let error = #expect(throws: HostPlanError.self) { try HostPlan(filling: offers, dies: 11) }
        #expect(error?.rule == "11 dies were asked for, 3 hosts have 10 slots: 1 too few")
        #expect(throws: HostPlanError.self) { try HostPlan(filling: offers, dies: 17, usingMaximum: true) }
    }

    @Test("Every rank is on the host whose range holds it")
    func lookup() throws {
        let plan = try HostPlan(filling: (1...9).map { HostOffer(name: "h\($0)", slots: $0) })
        for (index, host) in plan.hosts.enumerated() {
            for rank in host.ranks { #expect(plan.hostIndex(ofRank: rank) == index) }
        }
        #expect(plan.rankCount == 45 && plan.hostIndex(ofRank: 45) == nil && plan.hostIndex(ofRank: -1) == nil)
    }

    @Test(
        "Offers that cannot be placed are refused",
        arguments: [
            ([], "no hosts"), ([HostOffer(name: "a", slots: 1), HostOffer(name: "a", slots: 1)], "twice"),
            ([HostOffer(name: "a", slots: 0)], "0 slots"), ([HostOffer(name: "a", slots: -1)], "-1 slots"),
            ([HostOffer(name: "a", slots: Int.max)], "slots"),
            ([HostOffer(name: "a", slots: 4, maximumSlots: 3)], "at most 3"),
            (
                [
                    HostOffer(name: "a", address: "x", port: 1, slots: 1),
                    HostOffer(name: "b", address: "x", port: 1, slots: 1),
                ], "x:1"
            ),
            ([HostOffer(name: "a", slots: 65_536), HostOffer(name: "b", slots: 1)], "65537 dies"),
        ])
    func badOffers(offers: [HostOffer], rule: String) {
        let error = #expect(throws: HostPlanError.self) { try HostPlan(filling: offers) }
        #expect(error?.rule.contains(rule) == true, "\(String(describing: error))")
    }

    @Test("A plan fits a machine only host by host")
    func machines() throws {
        let machine = try TopologyFile.read(path: Fixtures.topologyPath("four-hosts"))
        let good = (0..<4).map { HostOffer(name: "h\($0)", slots: 16) }
        #expect(throws: Never.self) { try HostPlan(filling: good).check(against: machine) }
        let cases: [([HostOffer], String)] = [
            (good.dropLast() + [HostOffer(name: "x", slots: 16)], "\"x\" is not in the topology"),
            (good.dropLast(), "has a host \"h3\" that is not listed"),
            ([good[1], good[0]] + good[2...], "\"h1\" runs ranks 0-15"),
            (good + [HostOffer(name: "h4", slots: 1)], "65 dies"),
        ]
        for (offers, rule) in cases {
            let error = #expect(throws: HostPlanError.self) { try HostPlan(filling: offers).check(against: machine) }
            #expect(error?.rule.contains(rule) == true, "\(String(describing: error))")
        }
        // A machine on "*" leaves the hosts open.
        #expect(throws: Never.self) { try HostPlan(filling: good).check(against: .cloudMatrix384) }
        let unknown = #expect(throws: HostPlanError.self) { try HostPlan.choose(["h1", "h9"], from: good) }
        #expect(unknown?.rule.contains("\"h9\"") == true)
    }
}
