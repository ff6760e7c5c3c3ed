internal import CLinux
internal import Glibc

/// The client library, loaded at run time: SoftPod is built and runs without it.
@safe
struct PMIxLibrary: @unchecked Sendable {
    /// The loaded calls. Never freed: the library stays as long as the process.
    let calls: OpaquePointer
    /// Where it was found.
    let path: String
    /// What it calls itself.
    let version: String

    /// Names the library, before every other place.
    static let variable = "SOFTPOD_PMIX_LIBRARY"
    /// What to install, by those who package it.
    static let advice = "install it (Debian: libpmix2) or name it in \(variable)"

    /// Places in the order in which they are tried; the bare name is looked for as the system does it.
    static func candidates(_ environment: [String: String]) -> [String] {
        if let named = environment[variable], !named.isEmpty { return [named] }
        let name = "libpmix.so.2"
        let folders = ["x86_64-linux-gnu", "aarch64-linux-gnu"].map { "/usr/lib/\($0)/pmix2/lib" }
        return [name]
            + (folders + ["/usr/lib64", "/usr/lib64/pmix", "/opt/pmix/lib", "/usr/local/lib"]).map {
                $0 + "/" + name
            }
    }

    /// Loads the first library of the list that serves.
    ///
    /// - Throws: ``PMIxError/Kind/missingLibrary`` with what was tried and what to install.
    static func load(_ environment: [String: String]) throws(PMIxError) -> PMIxLibrary {
        var refusals: [String] = []
        for path in candidates(environment) {
            var why = [CChar](repeating: 0, count: 512)
            guard let calls = unsafe softpod_pmix_load(path, &why, why.count) else {
                refusals.append(Self.text(why))
                continue
            }
            let version = unsafe String(cString: softpod_pmix_version(calls))
            let library = unsafe PMIxLibrary(calls: calls, path: path, version: version)
            if let major = library.major, major < 3 {
                refusals.append("\(path) is version \(major); 3 or later is needed")
                continue
            }
            return library
        }
        let named = environment[variable].map { !$0.isEmpty } ?? false
        let reason = named ? (refusals.first ?? "") : "libpmix.so.2 is not here"
        let strange = named ? [] : refusals.filter { !$0.contains("cannot open shared object file") }
        throw PMIxError(
            .missingLibrary,
            "no client library (\(([reason] + strange).joined(separator: "; "))); \(advice)")
    }

    /// `OpenPMIx 4.2.2rc2 (...)` is 4; nil where the words are others.
    var major: Int? {
        let words = version.split(separator: " ").dropFirst()
        return words.first?.split(separator: ".").first.flatMap { Int($0) }
    }

    /// The library's words for a status.
    func words(_ status: Int32) -> String { unsafe String(cString: softpod_pmix_words(calls, status)) }

    /// The text in a buffer of the library's: up to its first zero.
    static func text(_ buffer: [CChar]) -> String {
        String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
