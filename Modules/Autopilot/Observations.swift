// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// What the leader knows of one server of the Raft configuration at one moment: from gossip its
/// status and what it says of itself, from Raft's own answers the rest.
package struct ServerObservation: Equatable, Sendable {
    package var id: String
    /// Name and region, as in `s1.global`.
    package var name: String
    /// Where the configuration has it.
    package var address: String
    package var version: String
    package var serfStatus: SerfStatus
    package var isLeader: Bool
    package var isVoter: Bool
    /// Age of its last answer; nil if there was none in this leadership. Of no account for the
    /// leader.
    package var lastContact: Duration?
    /// Term and index of the last entry of its log.
    package var lastTerm: UInt64
    package var lastIndex: UInt64

    /// Age of `lastTerm` and `lastIndex`; nil if they came with the last answer.
    package var sampleAge: Duration?
    package var isReceivingSnapshot = false
    /// How long its disk has taken nothing of what it has received; nil if nothing waits for it.
    package var unwrittenFor: Duration?
    /// What is new reaches it in time, and it has lost nothing: without this it gets no vote.
    package var isCaughtUp = true

    /// How long ago it stopped in good order, and means to come back; nil unless it did.
    package var stoppedFor: Duration?
    /// It asks for the log and for no vote (`non_voting_server`).
    package var isReadReplica = false
    /// `redundancy_zone`; empty if it names none.
    package var zone = ""
    /// `upgrade_version`, of account with EnableCustomUpgrades; empty if it names none.
    package var upgradeVersion = ""
    /// Where it says that it is reached; nil while gossip does not know.
    package var advertisedAddress: String?
    /// It speaks an older Raft protocol than this cluster's changes need.
    package var hasOldProtocol = false

    package init(
        id: String, name: String, address: String, version: String, serfStatus: SerfStatus,
        isLeader: Bool, isVoter: Bool, lastContact: Duration?, lastTerm: UInt64, lastIndex: UInt64
    ) {
        self.id = id
        self.name = name
        self.address = address
        self.version = version
        self.serfStatus = serfStatus
        self.isLeader = isLeader
        self.isVoter = isVoter
        self.lastContact = lastContact
        self.lastTerm = lastTerm
        self.lastIndex = lastIndex
    }
}

/// A server that gossip knows and the Raft configuration does not have.
package struct OutsiderObservation: Equatable, Sendable {
    package var id: String
    /// Name and region.
    package var name: String
    /// Where its peers reach it.
    package var address: String
    package var serfStatus: SerfStatus
    /// How long after its removal it was last heard, below zero if before; nil if it was never
    /// removed, as far as the leader knows.
    package var heardAfterRemoval: Duration?
    /// Why it may not join, in words, for instance an older version; nil if it may.
    package var refusal: String?
    package var hasOldProtocol = false

    package init(
        id: String, name: String, address: String, serfStatus: SerfStatus,
        heardAfterRemoval: Duration? = nil, refusal: String? = nil
    ) {
        self.id = id
        self.name = name
        self.address = address
        self.serfStatus = serfStatus
        self.heardAfterRemoval = heardAfterRemoval
        self.refusal = refusal
    }
}

/// The end of the leader's log, zeroes while it is not known, and what it takes for a disk that hangs.
package struct LeaderView: Equatable, Sendable {
    package var lastTerm: UInt64
    package var lastIndex: UInt64
    /// A write that takes longer is one of a disk that hangs: two election timeouts, for leaders too.
    package var unwrittenMax: Duration

    package init(lastTerm: UInt64, lastIndex: UInt64, unwrittenMax: Duration = .seconds(1)) {
        self.lastTerm = lastTerm
        self.lastIndex = lastIndex
        self.unwrittenMax = unwrittenMax
    }
}

/// All that Autopilot decides from, besides the health that follows from it.
package struct ClusterView: Equatable, Sendable {
    /// In the Raft configuration's order, one for each id.
    package var servers: [ServerObservation]
    package var outsiders: [OutsiderObservation] = []
    package var leader: LeaderView
    /// How long this server has led.
    package var leaderUptime: Duration = .zero
    /// Log index of the Raft configuration: what each change is compared with.
    package var configurationIndex: UInt64 = 0
    package var configuration: AutopilotConfiguration
    /// The replicated baseline of a running upgrade; see ``Plan/baselineChange``.
    package var baseline: Int?
    /// How many voters the cluster was made for; 0 if nobody said.
    package var bootstrapExpect = 0

    package init(
        servers: [ServerObservation], leader: LeaderView, configuration: AutopilotConfiguration
    ) {
        self.servers = servers
        self.leader = leader
        self.configuration = configuration
    }
}
