internal import ClusterFiles

/// What the environment says, in rows.
struct EnvironmentTable {
    var launch: LaunchEnvironment
    var variables: [String: String]

    /// The launcher and what it told.
    var launchRow: Row {
        let number = { (value: Int?) -> Field in value.map { .integer($0) } ?? .absent }
        let text = { (value: String?) -> Field in value.map { .text(Printable.line($0)) } ?? .absent }
        return Row([
            "launcher": .text(launch.launcher.rawValue), "rank": .integer(launch.rank), "size": number(launch.size),
            "localRank": number(launch.localRank), "localSize": number(launch.localSize), "node": number(launch.node),
            "nodes": number(launch.nodeCount),
            "nodeList": launch.nodeList.isEmpty ? .absent : text(launch.nodeList.joined(separator: " ")),
            "rendezvous": text(launch.rendezvous.map { "\($0.host):\($0.port)" }), "job": text(launch.job),
            "restarts": number(launch.restartCount), "rankTable": text(launch.rankTablePath),
            "device": number(launch.deviceID), "interface": text(launch.interface),
            "passedOver": launch.passedOver.isEmpty ? .absent : text(launch.passedOver.joined(separator: "; ")),
        ])
    }

    /// Each of Ascend's variables and what becomes of it.
    var variableRows: [Row] {
        let known = Set(AscendVariable.all.map(\.name))
        let strange = AscendVariable.present(in: variables).filter { !known.contains($0.name) }
        return Self.rows(AscendVariable.all + strange, variables)
    }

    static func rows(_ list: [AscendVariable], _ variables: [String: String]) -> [Row] {
        list.map { variable in
            let (treatment, how) =
                switch variable.treatment {
                case .honoured(let how): ("honoured", how)
                case .ignored(let why): ("ignored", why)
                }
            return Row([
                "variable": .text(Printable.line(variable.name)),
                "value": variables[variable.name].map { .text(Printable.line($0)) } ?? .absent,
                "treatment": .text(treatment), "how": .text(how), "meaning": .text(variable.meaning),
            ])
        }
    }

    /// A variable and its fate in a few words.
    static func short(_ variable: AscendVariable) -> String {
        switch variable.treatment {
        case .honoured: "\(variable.name) honoured"
        case .ignored: "\(Printable.line(variable.name)) ignored"
        }
    }
}
