/// An algorithm as a list of steps for each member: a pure function of shape, team size and member, made step by step as it is carried out,
/// so nothing is stored.
///
/// ## What surrounds the steps
/// Except in a barrier, each member first announces itself to its partners, and steps that name a member wait for that
/// member's announcement: its source is final, its destination and staging may be written. After the steps each
/// member sends one more event to each partner and waits for one of each. So
/// - what nobody has to act on needs no event of its own, the last one covers it;
/// - staging is written a second time only after an event that says that it was read.
///
/// ## Rules
/// The n-th event a member sends to another is the n-th that the other waits for, with the same meaning: the events of a pair form one
/// stream in each direction.
package protocol Schedule: Sendable {
    /// Whether two members exchange steps: the same both ways, and known without data.
    func arePartners(_ first: Int, _ second: Int) -> Bool
    /// Gives all steps of a member, in order.
    func emit<Sink: StepSink>(_ me: Int, _ sink: inout Sink) throws(Sink.Failure)
}
