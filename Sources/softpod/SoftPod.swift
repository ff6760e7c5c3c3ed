internal import ArgumentParser

/// A supernode in software.
@main
struct SoftPod: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "softpod", abstract: "A supernode in software.")
}
