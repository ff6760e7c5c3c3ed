/// Every attention variant, by name. A new one is a file and a line here; tests and benchmarks run what is listed.
public enum AttentionCatalog {
    /// All variants, sorted by name.
    public static let all: [any AttentionVariant] = [
        OnlineAttention<AMLARescale>(),
        OnlineAttention<BaseRescale>(),
    ]

    /// The variant with this name, such as `attention.amla`.
    public static func variant(named name: String) -> (any AttentionVariant)? {
        all.first { $0.name == name }
    }
}
