// SPDX-License-Identifier: Apache-2.0

/// What a server may be told to do in addition. Servers of one cluster may differ in each.
public struct Options: Equatable, Sendable {
    /// Reads of a leader need no round of messages while voters are bound not to elect another
    /// (dissertation §6.4.1). Each server binds itself only if it has this on, and says so; a leader
    /// counts nobody else. With it on, a lost connection is no reason to look for a new leader. A server
    /// that had it on must not start without it, or with a shorter election timeout, before one has
    /// passed since its end: its last life's promise would be forgotten.
    public var leaseReads = false
    /// How much faster than the own clock another server's may run, in per cent: leases are shorter
    /// by that. 0 to 90.
    public var clockDriftPercentMax = 10
    /// Who is to lead if several could: a server with less than ``priorityMax`` lets the others go
    /// first, once. It never keeps anybody from being elected.
    public var priority = Options.priorityMax
    /// Whether ``Effect/observed(_:)`` is emitted.
    public var observes = false

    /// The priority of a server that lets nobody go first.
    public static let priorityMax: UInt8 = 10

    public init() {}
}
