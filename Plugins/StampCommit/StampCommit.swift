import Foundation
import PackagePlugin

/// Writes the commit of the checkout into a source file before every build.
///
/// The manifest could read it too, but its evaluation is cached, and a stale commit in a report is worse than none. The file is
/// only touched when it changes, so that an unchanged checkout builds nothing.
@main
struct StampCommit: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let folder = context.pluginWorkDirectoryURL.appending(path: "commit")
        let script = """
            cd "$1"; mkdir -p "$2"
            commit=$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
            [ -z "$(git status --porcelain --untracked-files=no 2>/dev/null)" ] || commit="$commit+"
            printf '/// The commit this executable was built from; a + where files had been changed.\\nlet builtCommit = "%s"\\n' "$commit" > "$2/new"
            cmp -s "$2/new" "$2/Commit.swift" || cp "$2/new" "$2/Commit.swift"
            rm -f "$2/new"
            """
        return [
            .prebuildCommand(
                displayName: "Stamping the commit", executable: URL(fileURLWithPath: "/bin/sh"),
                arguments: ["-c", script, "sh", context.package.directoryURL.path(), folder.path()],
                outputFilesDirectory: folder)
        ]
    }
}
