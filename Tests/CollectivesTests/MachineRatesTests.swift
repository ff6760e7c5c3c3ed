import Collectives
import Fabric
import Tensors
import TestKit
import Testing

@Suite("Rates of a machine")
struct MachineRatesTests {
    @Test("Rates are the same after they were written and read")
    func roundTrip() throws {
        for cores in [1, 2, 64] {
            var rates = MachineRates(cores: cores)
            rates[.hop] = 31
            #expect(try MachineRates(text: rates.text) == rates)
            #expect(rates[.cores] == cores)
        }
    }

    @Test("What is out of its range is brought into it")
    func clamped() {
        var rates = MachineRates(cores: 0)
        #expect(rates[.cores] == 1)
        for kind in MachineRates.Kind.allCases {
            for value in [Int.min, -1, 0, Int.max] {
                rates[kind] = value
                #expect(kind.range.contains(rates[kind]))
            }
        }
    }

    @Test(
        "What is no text of rates is refused with the line and the rule",
        arguments: [
            ("", "start with"), ("\u{0}", "start with"), ("softpod-rates 2\n", "start with"),
            ("softpod-rates 1\n", "no cores"), ("softpod-rates 1\ncores\n", "a name of the list and a number"),
            ("softpod-rates 1\ncores 2 3\n", "a name of the list"),
            ("softpod-rates 1\nspeed 2\n", "a name of the list"),
            ("softpod-rates 1\ncores 2\ncores 2\n", "is there twice"), ("softpod-rates 1\ncores 0\n", "from 1 to"),
            ("softpod-rates 1\ncores -2\n", "from 1 to"), ("softpod-rates 1\nhop 1.5\n", "from 5 to"),
            ("softpod-rates 1\nhop \u{0661}\n", "from 5 to"),
            ("softpod-rates 1\nhop 99999999999999999999\n", "from 5 to"),
            ("softpod-rates 1\nhop 5001\n", "from 5 to"),
            ("softpod-rates 1\n" + String(repeating: " ", count: MachineRates.textLimit), "at most"),
        ])
    func refused(text: String, rule: String) {
        let error = #expect(throws: TuningError.self) { try MachineRates(text: text) }
        #expect(error?.rule.contains(rule) == true, "\(String(describing: error))")
    }

    @Test("Each number is asked for")
    func missing() throws {
        let lines = MachineRates(cores: 2).text.split(separator: "\n")
        for index in lines.indices {
            var rest = lines
            rest.remove(at: index)
            #expect(throws: TuningError.self) { try MachineRates(text: rest.joined(separator: "\n")) }
        }
    }

    @Test("The rates of rank 0 are those of all, so that all choose alike", arguments: [2, 5])
    func agreed(dies: Int) throws {
        let outcome = try ThreadCluster.run(dies: dies) { world in
            var rates = MachineRates(cores: 1 + world.rank)
            rates[.hop] = 100 + 1000 * world.rank
            let workspace = try CollectiveWorkspace(world, byteCount: 0, rates: rates)
            let collective = Collective(world, workspace)
            let places = (0..<20).map { shift in
                collective.resolve(
                    .allReduce(
                        Region(offset: 0, byteCount: 8 << shift), into: Region(offset: 0, byteCount: 8 << shift),
                        type: .float32, reduction: .sum)
                ).text
            }
            return (workspace.rates.text, places)
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        let values = outcome.values.compactMap { $0 }
        #expect(values.count == dies)
        #expect(Set(values.map(\.0)).count == 1 && values[0].0.contains("hop        100 "))
        #expect(Set(values.map(\.1)).count == 1)
    }
}
