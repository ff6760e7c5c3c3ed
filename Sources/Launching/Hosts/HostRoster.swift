public import Messaging

/// The hosts of a cluster, and how their agents come to be.
public struct HostRoster: Sendable {
    /// One host of a list.
    public struct Host: Sendable, Equatable {
        /// How reports name it, and what the remote shell is asked for.
        public var name: String
        /// Dies it runs.
        public var dies: Int
        /// The address others reach it by; nil to find it out.
        public var address: String?
        /// The port its switch takes links at; nil for any.
        public var port: Int?
        /// Whether it is this machine, so that its agent is started without a remote shell.
        public var isHere: Bool

        /// A host of a list.
        public init(name: String, dies: Int, address: String? = nil, port: Int? = nil, isHere: Bool) {
            self.name = name
            self.dies = dies
            self.address = address
            self.port = port
            self.isHere = isHere
        }
    }

    /// Where agents come from.
    public enum Source: Sendable {
        /// This process starts one on each of these hosts.
        case started([Host], RemoteShell)
        /// A launcher has started `taskCount` tasks; those that are the lowest of their node are agents. This process starts the agent
        /// of its own node, which has these tasks.
        case tasks(own: Range<Int>, taskCount: Int, dieCount: Int)
    }

    /// Where agents come from.
    public var source: Source
    /// The address the coordinator binds, such as `tcp://10.0.0.1:*`; the port may be the system's choice.
    public var address: String
    /// This machine's address as other hosts are to write it; nil to find it out.
    public var advertised: String?
    /// Keys of the coordinator and those it lets in; nil for no keys, which loopback alone allows.
    public var keys: Keys?
    /// Digest of the topology all hosts must share; 0 for none.
    public var topologyDigest: UInt64
    /// The commit this executable was built from.
    public var commit: String
    /// How reports name this host where tasks decide; nil for the name it has itself.
    public var ownName: String?
    /// Whether agents may come without the invitation's token: where no keys are wanted and no invitation could be sent.
    public var admitsUninvited = false
    /// Whether this process starts the agents it is to start; a rehearsal plays them itself.
    package var startsAgents = true

    /// The coordinator's keys.
    public struct Keys: Sendable {
        /// What the coordinator shows.
        public var server: KeyPair
        /// What the agents it starts show.
        public var agents: KeyPair
        /// Public keys let in besides the agents' own.
        public var allow: Set<String>

        /// Keys made for one session.
        public static func fresh() throws(MessagingError) -> Keys {
            Keys(server: try KeyPair.generate(), agents: try KeyPair.generate(), allow: [])
        }

        /// Keys of a file that all hosts have.
        public init(server: KeyPair, agents: KeyPair, allow: Set<String>) {
            self.server = server
            self.agents = agents
            self.allow = allow
        }
    }

    /// A list with where its agents come from.
    public init(
        source: Source, address: String, advertised: String? = nil, keys: Keys?, topologyDigest: UInt64 = 0,
        commit: String
    ) {
        self.source = source
        self.address = address
        self.advertised = advertised
        self.keys = keys
        self.topologyDigest = topologyDigest
        self.commit = commit
    }
}
