// SPDX-License-Identifier: Apache-2.0
public import MartletRaft

/// What a server knows about itself for good, apart from its log.
///
/// Blocking, one lane at a time, like ``LogStore``.
public protocol MetadataStore: AnyObject, Sendable {
    /// nil for a store that was never written.
    func load() throws(StoreError) -> ServerMetadata?

    /// Replaces the record; durable when it returns.
    func save(_ metadata: ServerMetadata) throws(StoreError)
}

/// Identity and membership facts that must be durable before they are used.
public struct ServerMetadata: Equatable, Sendable {
    public var serverID: ServerID
    /// The cluster that this server belongs to; nil until it has been told or has founded one. Once
    /// set it never changes: a stranger's messages are refused.
    public var clusterID: ServerID?
    /// A founding that this server agreed to and that may not be complete yet.
    public var founding: Founding?
    /// Raised by a recovery after lost quorum, so that servers of the old life are strangers.
    public var recoveryEpoch: UInt64
    /// It lost log or vote records and is being refilled: it neither votes nor counts towards a
    /// quorum until the leader says that it is whole again.
    public var isRecovering: Bool
    /// How many voters there were besides this server, as far as it knows; nil before it knows of
    /// any configuration. With 0 nobody can refill it.
    public var otherVoters: Int?

    /// A first configuration, proposed by one server and accepted by all of them.
    public struct Founding: Equatable, Sendable {
        public var proposer: ServerID
        public var clusterID: ServerID
        public var configuration: Configuration

        public init(proposer: ServerID, clusterID: ServerID, configuration: Configuration) {
            self.proposer = proposer
            self.clusterID = clusterID
            self.configuration = configuration
        }
    }

    public init(
        serverID: ServerID, clusterID: ServerID? = nil, founding: Founding? = nil,
        recoveryEpoch: UInt64 = 0, isRecovering: Bool = false, otherVoters: Int? = nil
    ) {
        self.serverID = serverID
        self.clusterID = clusterID
        self.founding = founding
        self.recoveryEpoch = recoveryEpoch
        self.isRecovering = isRecovering
        self.otherVoters = otherVoters
    }
}
