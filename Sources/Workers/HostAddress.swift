internal import Glibc

/// Addresses of this machine, as others are to write them.
public enum HostAddress {
    /// The address of this machine from which it reaches another: what that one can answer to. No packet is sent.
    ///
    /// - Parameter host: a name or an address; IPv6 with or without brackets.
    /// - Throws: ``SystemError`` if the name is not known or there is no way there.
    public static func source(toward host: String) throws(SystemError) -> String {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        // Any port will do: connecting a datagram socket only looks up the route.
        let code = unsafe getaddrinfo(bare(host), "9", &hints, &list)
        guard code == 0, let first = unsafe list else {
            var error = SystemError(rule: "\(host): \(unsafe String(cString: gai_strerror(code)))")
            // Not of a name: no memory, or a system error.
            error.isUnknownHost = code != EAI_MEMORY && code != EAI_SYSTEM
            throw error
        }
        defer { unsafe freeaddrinfo(first) }
        let handle = unsafe Glibc.socket(first.pointee.ai_family, Int32(SOCK_DGRAM.rawValue) | O_CLOEXEC, 0)
        guard handle >= 0 else { throw SystemError("\(host): no socket", errno) }
        defer { _ = close(handle) }  // Nothing was sent.
        guard unsafe Glibc.connect(handle, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0 else {
            throw SystemError("\(host): cannot be reached", errno)
        }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let text = unsafe withUnsafeMutablePointer(to: &storage) { place -> String? in
            unsafe place.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard unsafe getsockname(handle, address, &length) == 0 else { return nil }
                return unsafe numeric(address, length)
            }
        }
        guard let text else { throw SystemError("\(host): no address of ours", errno) }
        return text
    }

    /// The addresses of this machine's network interfaces, in the system's order; without those that count on one link only.
    public static var interfaces: [(name: String, address: String)] {
        var found: [(name: String, address: String)] = []
        var list: UnsafeMutablePointer<ifaddrs>?
        guard unsafe getifaddrs(&list) == 0 else { return [] }
        defer { unsafe freeifaddrs(list) }
        var next = unsafe list
        while let entry = unsafe next {
            unsafe next = entry.pointee.ifa_next
            guard let address = unsafe entry.pointee.ifa_addr else { continue }
            let family = unsafe Int32(address.pointee.sa_family)
            let length: Int
            switch family {
            case AF_INET: length = MemoryLayout<sockaddr_in>.size
            case AF_INET6: length = MemoryLayout<sockaddr_in6>.size
            default: continue
            }
            guard let text = unsafe numeric(address, socklen_t(length)), !text.contains("%") else { continue }
            found.append((unsafe String(cString: entry.pointee.ifa_name), text))
        }
        return found
    }

    /// Whether an address or name is this machine's own loop.
    public static func isLoopback(_ host: String) -> Bool {
        let host = bare(host)
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// An address as it stands in a URL: IPv6 in brackets.
    public static func bracketed(_ host: String) -> String {
        host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
    }

    private static func bare(_ host: String) -> String {
        host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    }

    @unsafe
    private static func numeric(_ address: UnsafePointer<sockaddr>, _ length: socklen_t) -> String? {
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let code = unsafe getnameinfo(address, length, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
        guard code == 0 else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
