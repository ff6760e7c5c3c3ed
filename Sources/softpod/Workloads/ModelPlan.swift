internal import Attention
internal import Collectives
internal import Fabric
internal import FoundationEssentials
internal import Model
internal import NodeRuntime

/// What a rank process must know to place a model: the part of a payload that generation and scoring share.
struct ModelPlan: Codable, Sendable {
    var directory: String
    var precision: String
    var dies: Int
    var expertParallel: Int
    var attention: String
    var variant: String
    var rowLimit: Int
    var textLimit: Int
    var requestLimit: Int
    /// The tuning table as text; nil for none.
    var tuning: String?

    /// What the plan's words stand for; the command has checked them, so a failure is another build's payload.
    func resolve(on die: DieContext) throws -> Resolved {
        guard let precision = Precision(rawValue: precision),
            let layout = ModelPlacement.AttentionLayout(rawValue: attention),
            let variant = AttentionCatalog.variant(named: variant)
        else { throw ModelError(.badRow, "this build does not know \(precision), \(attention) or \(variant)") }
        var placement = ModelPlacement(
            dieCount: dies, expertParallel: expertParallel, attention: layout, rowLimit: rowLimit,
            textLimit: textLimit, requestLimit: requestLimit)
        placement.isProtected = die.endpoint.isProtected
        if let tuning { placement.tuning = try TuningTable(text: tuning) }
        return Resolved(precision: precision, placement: placement, variant: variant)
    }

    /// Does something with a model's files, and then looks whether they are still what they were: a file that was overwritten while it
    /// was mapped gives wrong numbers, or a failure that does not say why.
    static func watching<Value>(_ checkpoint: Checkpoint, _ body: () throws -> Value) throws -> Value {
        let result = Swift.Result { try body() }
        do { try checkpoint.checkUnchanged() } catch { throw InputError(.data, "\(error)") }
        return try result.get()
    }

    struct Resolved {
        var precision: Precision
        var placement: ModelPlacement
        var variant: any AttentionVariant
        /// Whether all dies work on all requests.
        var isShared: Bool { placement.attention == .kvShards }
    }
}

extension ModelPlacement {
    /// The placement over the dies that are left: as it was, or for fewer, which then hold all experts among them again, and all requests.
    func left(dies: Int, _ configuration: ModelConfiguration, requests: Int) -> ModelPlacement {
        guard dies != dieCount else { return self }
        var left = self
        left.dieCount = dies
        left.expertParallel = Self.defaultExpertParallel(dies: dies, experts: configuration.expertCount)
        left.requestLimit = min(requests, rowLimit)
        return left
    }
}
