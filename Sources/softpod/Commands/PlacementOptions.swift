internal import ArgumentParser
internal import Attention
internal import FoundationEssentials
internal import Model

/// The flags of commands that place a model on a cluster.
struct PlacementOptions: ParsableArguments {
    @Option(help: "float32, bfloat16 or int8.", transform: PlacementOptions.precision)
    var precision: Precision = .float32

    @Option(
        help:
            "Dies that share the experts of a layer; must divide --dies and the model's experts. By default as many as fit."
    )
    var ep: Int?

    @Option(
        help: "data (requests dealt out over dies) or kv-shards (keys of every request dealt out over dies).",
        transform: PlacementOptions.attention)
    var attention: ModelPlacement.AttentionLayout = .data

    @Option(
        help: ArgumentHelp(
            "How attention rescales: \(AttentionCatalog.all.map(\.name).joined(separator: " or ")).", valueName: "name")
    )
    var variant: String = "attention.amla"

    @OptionGroup var tuning: TuningOptions

    func validate() throws {
        guard AttentionCatalog.variant(named: variant) != nil else {
            throw ValidationError(
                "--variant must be one of \(AttentionCatalog.all.map(\.name).joined(separator: ", ")), not \(variant).")
        }
        if let ep, ep < 1 { throw ValidationError("--ep must be at least 1, not \(ep).") }
    }

    @Sendable private static func precision(_ name: String) throws -> Precision {
        guard let value = Precision(rawValue: name) else {
            throw ValidationError("must be \(Precision.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return value
    }

    @Sendable private static func attention(_ name: String) throws -> ModelPlacement.AttentionLayout {
        guard let value = ModelPlacement.AttentionLayout(rawValue: name) else {
            throw ValidationError(
                "must be \(ModelPlacement.AttentionLayout.allCases.map(\.rawValue).joined(separator: " or ")).")
        }
        return value
    }

    /// The placement these flags ask for, refused if it does not fit the model.
    func place(
        _ opened: OpenedModel, dies: Int, rowLimit: Int, textLimit: Int, requests: Int, integrity: Bool
    ) throws -> ModelPlacement {
        var placement = ModelPlacement(
            dieCount: dies,
            expertParallel: ep
                ?? ModelPlacement.defaultExpertParallel(dies: dies, experts: opened.configuration.expertCount),
            attention: attention, rowLimit: rowLimit, textLimit: textLimit, requestLimit: requests)
        placement.isProtected = integrity
        if let misfit = placement.misfit(opened.configuration) { throw UsageError(misfit) }
        return placement
    }

    /// The payload's part about the model.
    func plan(_ opened: OpenedModel, _ placement: ModelPlacement) throws -> ModelPlan {
        let tuning = try tuning.text()
        return ModelPlan(
            directory: opened.folder, precision: precision.rawValue, dies: placement.dieCount,
            expertParallel: placement.expertParallel, attention: placement.attention.rawValue, variant: variant,
            rowLimit: placement.rowLimit, textLimit: placement.textLimit, requestLimit: placement.requestLimit,
            tuning: tuning)
    }
}

/// A model's files, opened and checked whole before any process is started.
struct OpenedModel {
    let folder: String
    let configuration: ModelConfiguration
    let tokenizer: Tokenizer
    /// What ranks of every host read of it.
    let paths: [String]

    init(folder path: String) throws {
        folder = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        configuration = try ModelConfiguration(file: folder + "/config.json")
        let checkpoint = try Checkpoint(directory: folder)
        // Views only: this reads the header and asks for every tensor once.
        _ = try Transformer(checkpoint, configuration, precision: .float32)
        tokenizer = try Tokenizer(file: folder + "/tokenizer.json")
        paths = [folder + "/config.json", folder + "/tokenizer.json"] + checkpoint.paths
    }
}
