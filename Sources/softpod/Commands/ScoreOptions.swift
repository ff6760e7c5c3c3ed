internal import ArgumentParser

/// What `verify --model` needs besides model and placement.
struct ScoreOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A file of plain text to predict.", valueName: "file")) var text: String?
    @Option(help: "Tokens of a window; each window stands alone.") var window = 256

    func validate() throws {
        guard (1...4096).contains(window) else { throw ValidationError("--window must be 1 to 4096, not \(window).") }
    }
}
