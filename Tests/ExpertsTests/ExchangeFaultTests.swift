import Experts
import Fabric
import TestKit
import Testing

/// Wrong input, lying peers and missing peers each end in an error that names them, on every rank, and never in a trap.
@Suite("Expert exchange under fault")
struct ExchangeFaultTests {
    static let layout = Result {
        try ExpertLayout(
            experts: 6, ranks: 3, maximumTokens: 4, hidden: 8, choices: 2, dispatch: .float32, combine: .float32)
    }

    /// Runs three dies; each gives back the error its body threw.
    static func errors(
        timeout: Duration = .seconds(30), _ body: @escaping @Sendable (Team, ExpertExchange) throws -> Void
    ) throws -> [ExpertError?] {
        let layout = try layout.get()
        let outcome = try ThreadCluster.run(
            dies: 3, windowByteCount: ExchangeTests.window(layout), timeout: timeout
        ) { world -> ExpertError? in
            let exchange = try ExpertExchange(world: world, team: world, layout: layout)
            do { try body(world, exchange) } catch let error as ExpertError { return error }
            return nil
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        return outcome.values.map { $0 ?? nil }
    }

    /// A good call of `tokens` tokens on this rank.
    static func dispatch(_ exchange: ExpertExchange, tokens: Int = 2, experts: [Int32]? = nil) throws -> DispatchResult
    {
        let rows = [Float](repeating: Float(exchange.team.rank), count: tokens * exchange.layout.hidden)
        let routes = experts ?? (0..<tokens).flatMap { [Int32($0 % 6), Int32(($0 + 3) % 6)] }
        return try exchange.dispatch(rows: rows.span, experts: routes.span)
    }

    static func combine(
        _ exchange: ExpertExchange, _ result: DispatchResult, tokens: Int = 2, weight: Float = 0.5
    ) throws -> [Float] {
        var output = [Float](repeating: .nan, count: tokens * exchange.layout.hidden)
        let weights = [Float](repeating: weight, count: tokens * exchange.layout.choices)
        var span = output.mutableSpan
        try exchange.combine(rows: result.rows, weights: weights.span, handle: result.handle, into: &span)
        return output
    }

    @Test(
        "Bad routing on one rank is refused with its token; the others name that rank; the next call works",
        arguments: [
            ([0, 1, 6, 2], 1, "expert 6"), ([0, 1, -2, 2], 1, "expert -2"), ([4, 4, 0, 1], 0, "expert 4 twice"),
            ([0, 1, 2, 3, Int32.max, 0], 2, "expert 2147483647"),
        ] as [([Int32], Int, String)])
    func routing(experts: [Int32], token: Int, part: String) throws {
        let errors = try Self.errors { world, exchange in
            var first: (any Error)?
            do {
                _ = try Self.dispatch(
                    exchange, tokens: world.rank == 1 ? experts.count / 2 : 2, experts: world.rank == 1 ? experts : nil)
            } catch { first = error }
            let result = try Self.dispatch(exchange)
            let output = try Self.combine(exchange, result)
            #expect(output == [Float](repeating: Float(world.rank), count: 16))
            if let first { throw first }
        }
        #expect(errors[1]?.code == .badRouting)
        #expect(errors[1]?.token == token)
        #expect(errors[1]?.description.contains(part) == true, "\(String(describing: errors[1]))")
        for rank in [0, 2] {
            #expect(errors[rank]?.fabric?.code == .mismatch)
            #expect(errors[rank]?.peers == [1], "\(String(describing: errors[rank]))")
        }
    }

    @Test("Too many tokens and weights that are not finite are refused in the same way")
    func limits() throws {
        let many = try Self.errors { world, exchange in
            _ = try Self.dispatch(exchange, tokens: world.rank == 2 ? 5 : 1)
        }
        #expect(many.map { $0?.code } == [.fabric, .fabric, .tooManyTokens])
        #expect(many[2]?.token == 4)
        #expect(many[0]?.peers == [2] && many[1]?.peers == [2])
        let weights = try Self.errors { world, exchange in
            var first: (any Error)?
            do {
                _ = try Self.combine(exchange, Self.dispatch(exchange), weight: world.rank == 0 ? .nan : 1)
            } catch { first = error }
            _ = try Self.combine(exchange, Self.dispatch(exchange))
            if let first { throw first }
        }
        #expect(weights.map { $0?.code } == [.badWeight, .fabric, .fabric])
        #expect(weights[0]?.token == 0)
        #expect(weights[1]?.fabric?.code == .mismatch && weights[1]?.peers == [0])
    }

    @Test("A rank that does not come is named by those that wait, and the exchange says that it is broken")
    func missing() throws {
        for combine in [false, true] {
            let errors = try Self.errors(timeout: .seconds(1)) { world, exchange in
                if combine {
                    let result = try Self.dispatch(exchange)
                    if world.rank != 2 { _ = try Self.combine(exchange, result) }
                    return
                }
                guard world.rank != 2 else { return }
                let error = #expect(throws: ExpertError.self) { try Self.dispatch(exchange) }
                let later = #expect(throws: ExpertError.self) { try Self.dispatch(exchange) }
                #expect(later?.code == .broken)
                if let error { throw error }
            }
            for rank in 0..<2 {
                #expect(errors[rank]?.fabric?.code == .timedOut)
                #expect(errors[rank]?.fabric?.operation == (combine ? .combine : .dispatch))
                #expect(errors[rank]?.peers == [2], "\(String(describing: errors[rank]))")
            }
            #expect(errors[2] == nil)
        }
    }

    @Test("A stale handle, a used one and one of another exchange are refused; the right one still works")
    func staleHandle() throws {
        let layout = try Self.layout.get()
        let outcome = try ThreadCluster.run(dies: 3, windowByteCount: ExchangeTests.window(layout, exchanges: 2)) {
            world -> [ExpertError.Code?] in
            let exchange = try ExpertExchange(world: world, team: world, layout: layout)
            let other = try ExpertExchange(world: world, team: world, layout: layout)
            func code(_ result: DispatchResult) -> ExpertError.Code? {
                do { _ = try Self.combine(exchange, result) } catch let error as ExpertError { return error.code } catch
                {}
                return nil
            }
            let first = try Self.dispatch(exchange)
            let second = try Self.dispatch(exchange)
            let foreign = try Self.dispatch(other)
            return [code(first), code(foreign), code(second), code(second)]
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        for codes in outcome.values { #expect(codes == [.staleHandle, .staleHandle, nil, .staleHandle]) }
    }

    /// A lie that rank 1 tells rank 0 in the first call, whose half is 1.
    struct Lie: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// The counts in the status row, the flag's sequence and total.
        var counts: [UInt32] = [1, 0]
        var sequence: UInt64 = 1
        var total: Int? = 1
        /// Headers of slots: (local expert, index, source, token, choice, stamp).
        var slots: [(Int, Int, UInt32, UInt32, UInt32, UInt32)] = [(0, 0, 1, 0, 0, 1)]
    }

    static let lies: [Lie] = [
        Lie(testDescription: "a count above the slots", counts: [5, 0], total: 5),
        Lie(testDescription: "the largest count", counts: [.max, .max], total: 3),
        Lie(testDescription: "counts that wrap to the total", counts: [.max, 2], total: 1),
        Lie(testDescription: "counts that do not sum to the flag", counts: [1, 1], total: 1),
        Lie(testDescription: "a flag of a later call", sequence: 3),
        Lie(testDescription: "a flag of the far future", sequence: 1 << 39),
        Lie(testDescription: "another source", slots: [(0, 0, 2, 0, 0, 1)]),
        Lie(testDescription: "a source outside the team", slots: [(0, 0, .max, 0, 0, 1)]),
        Lie(testDescription: "a token out of range", slots: [(0, 0, 1, 4, 0, 1)]),
        Lie(testDescription: "the largest token", slots: [(0, 0, 1, .max, 0, 1)]),
        Lie(testDescription: "a choice out of range", slots: [(0, 0, 1, 0, 2, 1)]),
        Lie(testDescription: "a slot of another call", slots: [(0, 0, 1, 0, 0, 7)]),
        Lie(testDescription: "a slot never written", slots: []),
        Lie(
            testDescription: "tokens that do not rise", counts: [2, 0], total: 2,
            slots: [(0, 0, 1, 2, 0, 1), (0, 1, 1, 2, 1, 1)]),
        Lie(
            testDescription: "one token and choice twice", counts: [1, 1], total: 2,
            slots: [(0, 0, 1, 2, 0, 1), (1, 0, 1, 2, 0, 1)]),
    ]

    @Test("Counts, flags and triples that cannot be are refused, and their sender is named", arguments: lies)
    func corrupt(lie: Lie) throws {
        let errors = try Self.errors(timeout: .seconds(5)) { world, exchange in
            let layout = exchange.layout
            let endpoint = world.endpoint
            switch world.rank {
            case 0: _ = try Self.dispatch(exchange, tokens: 0)
            case 1:
                let status = exchange.region.offset + layout.dispatchStatus(half: 1, source: 1)
                for (expert, index, source, token, choice, stamp) in lie.slots {
                    let slot = layout.dispatchSlot(half: 1, expert: expert, source: 1, index: index)
                    try endpoint.put(
                        [source, token, choice | stamp << 16, 0].span, to: 0, at: exchange.region.offset + slot)
                }
                try endpoint.put(lie.counts.span, to: 0, at: status + ExpertLayout.countsOffset)
                let total = lie.total.map { UInt64($0) } ?? ExpertLayout.refusal
                try endpoint.notify(lie.sequence, value: total, at: 0, status)
            default:
                // An honest rank without tokens, by hand, so that it need not wait for the liar.
                let status = exchange.region.offset + layout.dispatchStatus(half: 1, source: 2)
                try endpoint.notify(1, at: 0, status)
            }
        }
        #expect(errors[0]?.fabric?.code == .corrupt, "\(String(describing: errors[0]))")
        #expect(errors[0]?.peers == [1])
        #expect(errors[0]?.fabric?.operation == .dispatch)
    }

    @Test("A rank that returns another number of rows than it received is refused")
    func corruptCombine() throws {
        let errors = try Self.errors(timeout: .seconds(5)) { world, exchange in
            let result = try Self.dispatch(exchange)
            let endpoint = world.endpoint
            if world.rank == 0 {
                _ = try Self.combine(exchange, result)
            } else {
                let status = exchange.region.offset + exchange.layout.combineStatus(half: 1, peer: world.rank)
                let count = (0..<2).reduce(0) { $0 + result.rowCount(expert: $1, source: 0) }
                try endpoint.notify(1, value: UInt64(world.rank == 2 ? count + 1 : count), at: 0, status)
            }
        }
        #expect(errors[0]?.fabric?.code == .corrupt, "\(String(describing: errors[0]))")
        #expect(errors[0]?.peers == [2])
        #expect(errors[1] == nil && errors[2] == nil)
    }

    @Test("Dies that ask for different layouts are told so when the exchange is made")
    func differentLayouts() throws {
        let outcome = try ThreadCluster.run(dies: 2) { world -> FabricError.Code? in
            let layout = try ExpertLayout(
                experts: 2, ranks: 2, maximumTokens: 4 + world.rank, hidden: 8, choices: 1, dispatch: .float32,
                combine: .float32)
            do throws(ExpertError) {
                _ = try ExpertExchange(world: world, team: world, layout: layout)
            } catch { return error.fabric?.code }
            return nil
        }
        #expect(outcome.values == [.mismatch, .mismatch])
    }
}
