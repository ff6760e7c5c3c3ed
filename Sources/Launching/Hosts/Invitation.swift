internal import FoundationEssentials
public import Messaging

/// What an agent needs to find the coordinator and be believed: one line of JSON, handed to it by a channel that others cannot read (its
/// standard input, or the launcher's key-value store), never by its arguments.
public struct Invitation: Codable, Sendable, Equatable {
    /// What a coordinator writes behind it that ends before the agent has come: the agent is not the cause.
    static let withdrawal = "withdrawn"

    /// The coordinator's address, such as `tcp://10.0.0.1:40123`.
    public var address: String
    /// The key the coordinator shows; nil where there are no keys.
    public var serverKey: String?
    /// The keys the agent shows.
    public var publicKey: String?
    /// See ``publicKey``.
    public var secretKey: String?
    /// Says which run the agent was invited to.
    public var token: [UInt8]
    /// The agent's place in the list of hosts; nil where the launcher's tasks decide.
    public var host: Int?
    /// How reports name the host; nil for the name it has itself.
    public var name: String?
    /// The address at which the host's switch takes links; nil for the one from which the coordinator is reached.
    public var linkAddress: String?
    /// The port at which it does; nil for any that is free.
    public var linkPort: Int?
    /// How long the agent tries to reach the coordinator, in milliseconds.
    public var patienceMilliseconds: Int

    /// An invitation to an address, with the client's keys and the server's where there are any.
    public init(
        address: String, keys: KeyPair? = nil, serverKey: String? = nil, token: [UInt8] = [], host: Int? = nil,
        name: String? = nil, linkAddress: String? = nil, linkPort: Int? = nil, patienceMilliseconds: Int = 60_000
    ) {
        self.address = address
        self.serverKey = serverKey
        publicKey = keys?.publicKey
        secretKey = keys?.secretKey
        self.token = token
        self.host = host
        self.name = name
        self.linkAddress = linkAddress
        self.linkPort = linkPort
        self.patienceMilliseconds = patienceMilliseconds
    }

    /// One line.
    public func encoded() throws -> [UInt8] { Array(try JSONEncoder().encode(self)) }

    /// Reads one line; nil if it is no invitation.
    public init?(decoding line: [UInt8]) {
        guard line.count <= 1 << 16, let value = try? JSONDecoder().decode(Self.self, from: Data(line)),  // nil says it
            value.address.hasPrefix("tcp://"), value.token.count <= 256,
            (1...86_400_000).contains(value.patienceMilliseconds),
            value.linkPort.map({ (1...65_535).contains($0) }) ?? true,
            value.host.map({ (0..<4096).contains($0) }) ?? true
        else { return nil }
        self = value
    }

    /// The address without `tcp://` and port.
    public var hostName: String {
        let place = address.dropFirst("tcp://".count)
        return String(place[..<(place.lastIndex(of: ":") ?? place.endIndex)])
    }

    /// How the agent's socket knows the coordinator.
    package func security() throws(MessagingError) -> SocketSecurity {
        guard let serverKey, let publicKey, let secretKey else { return .plain }
        return .client(try KeyPair(publicKey: publicKey, secretKey: secretKey), server: serverKey)
    }
}
