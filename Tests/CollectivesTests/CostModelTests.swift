import Collectives
import TestKit
import Testing

@Suite("The cost model")
struct CostModelTests {
    private static let sizes = [0, 1, 64, 65, 1024, 4096, 4097, 1 << 16, 1 << 20, 1 << 21, 1 << 24, 1 << 30]
    private static let sharing: [(members: Int, sharesCores: Bool)] = [
        (1, false), (2, false), (2, true), (4, false), (5, false), (8, true), (16, true), (64, false), (384, true),
    ]

    /// Every model of the cases above with every operation.
    private static func forEach(
        _ rates: MachineRates, _ body: (CostModel, CollectiveOperation) -> Void
    ) {
        for (members, sharesCores) in sharing {
            let model = CostModel(rates, members: members, sharesCores: sharesCores)
            for operation in CollectiveOperation.allCases { body(model, operation) }
        }
    }

    @Test("Every call has a choice that can do it, and a price that is a number")
    func total() {
        Self.forEach(MachineRates(cores: 2)) { model, operation in
            for size in Self.sizes + [.max] {
                let choice = model.choice(operation, byteCount: size)
                #expect(choice != .automatic && choice.carries(operation))
            }
            #expect(model.choice(operation, byteCount: nil).carries(operation))
            for algorithm in CostModel.candidates where algorithm.carries(operation) {
                for size in Self.sizes {
                    let time = model.nanoseconds(algorithm, operation, byteCount: size)
                    #expect(time.map { $0.isFinite && $0 >= 0 } == true)
                }
            }
        }
    }

    @Test("No call gets cheaper with more bytes, where the algorithm divides it the same way")
    func monotonousInBytes() {
        Self.forEach(MachineRates(cores: 2)) { model, operation in
            for algorithm in CostModel.candidates where algorithm.carries(operation) && algorithm != .cooperative {
                // Short all-reduces of pairs are folded by all.
                let sizes = operation == .allReduce ? Self.sizes.filter { $0 > 4096 } : Self.sizes
                let times = sizes.compactMap { model.nanoseconds(algorithm, operation, byteCount: $0) }
                #expect(zip(times, times.dropFirst()).allSatisfy { $0 <= $1 }, "\(algorithm) \(operation)")
            }
        }
    }

    @Test("No call gets dearer on a machine that is faster in anything")
    func monotonousInRates() {
        let slow = MachineRates(cores: 2)
        for kind in MachineRates.Kind.allCases where kind != .cores && kind != .cache {
            var fast = slow
            let isTime = kind == .hop || kind == .turn
            fast[kind] = isTime ? slow[kind] / 2 : slow[kind] * 2
            Self.forEach(slow) { model, operation in
                let better = CostModel(fast, members: model.members, sharesCores: model.sharesCores)
                for algorithm in CostModel.candidates where algorithm.carries(operation) {
                    for size in Self.sizes {
                        let times = [better, model].compactMap {
                            $0.nanoseconds(algorithm, operation, byteCount: size)
                        }
                        #expect(times[0] <= times[1], "\(algorithm) \(operation) \(size) \(kind)")
                    }
                }
            }
        }
    }

    @Test("Given rates make exactly these choices")
    func exact() throws {
        for (members, sharesCores, text) in Self.expected {
            let model = CostModel(MachineRates(cores: 2), members: members, sharesCores: sharesCores)
            #expect(model.table == (try TuningTable(text: TuningTable.heading + "\n" + text)), "\(model.table.text)")
        }
    }

    @Test("What the rules say is what the model chooses at their sizes")
    func rules() {
        Self.forEach(MachineRates(cores: 2)) { model, operation in
            let rules = model.rules(operation)
            #expect(rules.last?.byteCount == .max)
            #expect(
                zip(rules, rules.dropFirst()).allSatisfy { $0.byteCount < $1.byteCount && $0.algorithm != $1.algorithm }
            )
            let isSized = operation != .allToAllV && operation != .sendReceive
            for rule in rules where rule.byteCount != .max {
                #expect(rule.algorithm == model.choice(operation, byteCount: isSized ? rule.byteCount : nil))
            }
        }
    }

    /// Members, whether they share cores, and what the reference machine then chooses.
    private static let expected = [
        (
            2, false,
            """
            barrier any 2 own cooperative
            broadcast any 2 own cooperative
            allgather any 2 own cooperative
            allgatherv 16K 2 own cooperative
            allgatherv any 2 own pull
            reducescatter any 2 own cooperative
            allreduce any 2 own cooperative
            alltoall any 2 own cooperative
            alltoallv any 2 own concurrent:0.5
            reduce any 2 own cooperative
            gather any 2 own cooperative
            scatter any 2 own cooperative
            sendreceive any 2 own concurrent:0.5
            """
        ),
        (8, true, "any any 8 shared cooperative\nsendreceive any 8 shared pull"),
        (
            8, false,
            """
            barrier any 8 own cooperative
            broadcast 8K 8 own cooperative
            broadcast 512K 8 own pull
            broadcast any 8 own cooperative
            allgather 4K 8 own cooperative
            allgather 128K 8 own trampoline
            allgather any 8 own cooperative
            allgatherv 4K 8 own cooperative
            allgatherv 8K 8 own trampoline
            allgatherv 256K 8 own cooperative
            allgatherv 2M 8 own pull
            allgatherv any 8 own cooperative
            reducescatter any 8 own cooperative
            allreduce 4K 8 own cooperative
            allreduce 32K 8 own trampoline
            allreduce 128K 8 own pull
            allreduce any 8 own cooperative
            alltoall 2K 8 own cooperative
            alltoall 8K 8 own trampoline
            alltoall any 8 own cooperative
            alltoallv any 8 own cooperative
            reduce 8K 8 own cooperative
            reduce 128K 8 own trampoline
            reduce any 8 own cooperative
            gather 32K 8 own cooperative
            gather 512K 8 own push
            gather any 8 own cooperative
            scatter 32K 8 own cooperative
            scatter 64K 8 own pull
            scatter any 8 own cooperative
            sendreceive any 8 own concurrent:0.5
            """
        ),
    ]
}
