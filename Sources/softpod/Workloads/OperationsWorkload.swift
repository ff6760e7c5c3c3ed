internal import Fabric
internal import FoundationEssentials
internal import NodeRuntime
internal import SharedMemory

/// Checks of the catalog over and over, each an operation whose beginning and end every die tells: what `softpod chaos` runs.
struct OperationsWorkload: Workload {
    static let name = "operations"

    struct Plan: Codable, Sendable {
        var seed: UInt64
        /// Names of checks, in order.
        var checks: [String]
        /// How often.
        var rounds: Int
    }

    let plan: Plan

    init(payload: [UInt8]) throws { plan = try JSONDecoder().decode(Plan.self, from: Data(payload)) }

    func run(on die: DieContext) throws -> [UInt8] {
        let world = Team.world(die.endpoint)
        die.setPhase("set-up")
        let bench = try CheckBench(world: world)
        var digest = ResultDigest()
        var number = 0
        for round in 0..<plan.rounds {
            for name in plan.checks {
                guard let check = CheckCatalog.all.first(where: { $0.name == name }) else { throw ExitStatus.mismatch }
                die.setPhase(name)
                let seed = CheckRandom.mixed(CheckRandom.mixed(plan.seed, name), UInt64(round))
                digest.add(try operation(number, check, bench, seed, die).digest.value)
                number += 1
            }
        }
        return Array(digest.text.utf8)
    }

    private func operation(
        _ number: Int, _ check: any Check, _ bench: CheckBench, _ seed: UInt64, _ die: DieContext
    ) throws -> Finding {
        var event = OperationEvent(number, check.name, .begun)
        die.report(event.encoded)
        let begin = Monotonic.now()
        defer {
            event.elapsed = Monotonic.now() - begin
            die.report(event.encoded)
        }
        do {
            let finding = try check.run(on: bench, seed: seed)
            event.state = finding.wrong == 0 ? .right : .wrong
            event.detail = finding.first
            return finding
        } catch {
            let cause = (error as? any FabricCaused)?.fabricCause
            event.state = .failed
            event.detail = "\(error)"
            event.code = cause?.code.rawValue ?? "\(type(of: error))"
            event.peers = (cause?.peers ?? []).map(\.index)
            event.epoch = cause?.epoch ?? 0
            throw error
        }
    }
}
