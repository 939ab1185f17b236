// SPDX-License-Identifier: Apache-2.0

/// What happened since the server started; shown by `/v1/metrics`. Each wraps after centuries.
struct Counters {
    var requests: UInt64 = 0
    /// Callers that were not who they had to be.
    var accessRefused: UInt64 = 0
    /// Refused before their bodies were read.
    var requestsRefused: UInt64 = 0
    /// Put off to another turn, since their sender had had its share.
    var requestsDeferred: UInt64 = 0
    /// Over the bound on those in progress.
    var requestsTooMany: UInt64 = 0
    /// Blocking queries over the bound on those that wait.
    var queriesRefused: UInt64 = 0
    /// Plans of jobs that were asked for, and those over the bound on how many wait.
    var dryRuns: UInt64 = 0
    var dryRunsRefused: UInt64 = 0
    /// They, their bodies or their answers took too long.
    var requestsTimedOut: UInt64 = 0
    /// Bodies over the bound on all that are held.
    var bodiesRefused: UInt64 = 0
    /// Bodies in pieces over the bound on their number.
    var streamsRefused: UInt64 = 0
    /// Their client did not fetch what was sent.
    var streamsStuck: UInt64 = 0
    /// Their source failed before the end.
    var streamsBroken: UInt64 = 0
    var requestsMalformed: UInt64 = 0
    var connectionsRefused: UInt64 = 0
    var forwardsSent: UInt64 = 0
    var forwardsReceived: UInt64 = 0
    var statusChanges: UInt64 = 0
    /// Reads that were answered here although another server leads.
    var followerReads: UInt64 = 0
    var preVotes: UInt64 = 0
    var campaigns: UInt64 = 0
    var leadershipsLost: UInt64 = 0
}
