internal import ArgumentParser
internal import Attention
internal import FoundationEssentials
internal import Model

/// The flags of commands that place a model on a cluster.
struct ModelOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Folder with config.json, model.safetensors and tokenizer.json.", valueName: "folder"))
    var model: String

    @Option(help: "float32, bfloat16 or int8.", transform: ModelOptions.precision)
    var precision: Precision = .float32

    @Option(
        help:
            "Dies that share the experts of a layer; must divide --dies and the model's experts. By default as many as fit."
    )
    var ep: Int?

    @Option(help: "data (requests dealt out over dies) or kv-shards (keys of every request dealt out over dies).",
        transform: ModelOptions.attention)
    var attention: ModelPlacement.AttentionLayout = .data

    @Option(
        help: ArgumentHelp(
            "How attention rescales: \(AttentionCatalog.all.map(\.name).joined(separator: " or ")).", valueName: "name")
    )
    var variant: String = "attention.amla"

    @Option(help: "The most rows of a step: a die's with data, all dies' together with kv-shards.")
    var batchRows: Int = 32

    func validate() throws {
        guard (1...4096).contains(batchRows) else {
            throw ValidationError("--batch-rows must be 1 to 4096, not \(batchRows).")
        }
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

    /// The model's files, opened and checked whole before any process is started.
    func open() throws -> OpenedModel {
        let folder = model.hasPrefix("/") ? model : FileManager.default.currentDirectoryPath + "/" + model
        let configuration = try ModelConfiguration(file: folder + "/config.json")
        let checkpoint = try Checkpoint(directory: folder)
        // Views only: this reads the header and asks for every tensor once.
        _ = try Transformer(checkpoint, configuration, precision: .float32)
        let tokenizer = try Tokenizer(file: folder + "/tokenizer.json")
        return OpenedModel(folder: folder, configuration: configuration, tokenizer: tokenizer)
    }

    /// The placement these flags ask for, refused if it does not fit the model.
    func place(_ opened: OpenedModel, dies: Int, textLimit: Int, requests: Int) throws -> ModelPlacement {
        let placement = ModelPlacement(
            dieCount: dies,
            expertParallel: ep
                ?? ModelPlacement.defaultExpertParallel(dies: dies, experts: opened.configuration.expertCount),
            attention: attention, rowLimit: batchRows, textLimit: textLimit, requestLimit: requests)
        if let misfit = placement.misfit(opened.configuration) { throw UsageError(misfit) }
        return placement
    }

    /// The payload's part about the model.
    func plan(_ opened: OpenedModel, _ placement: ModelPlacement) -> ModelPlan {
        ModelPlan(
            directory: opened.folder, precision: precision.rawValue, dies: placement.dieCount,
            expertParallel: placement.expertParallel, attention: placement.attention.rawValue, variant: variant,
            rowLimit: placement.rowLimit, textLimit: placement.textLimit, requestLimit: placement.requestLimit)
    }
}

/// A model's files, as far as the command line needs them.
struct OpenedModel {
    var folder: String
    var configuration: ModelConfiguration
    var tokenizer: Tokenizer
}

