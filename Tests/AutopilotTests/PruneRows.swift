// SPDX-License-Identifier: Apache-2.0
import MartletAutopilot
import Testing

/// The rows P of `autopilot-scenarios.md`, and those that its numbering leaves out as far as the rules
/// alone decide them (`derived`).
struct PruneRow: Sendable, CustomTestStringConvertible {
    let id: String
    let title: String
    let config: String
    let servers: String
    /// Ids, in order.
    let raft: [String]
    let gossip: [String]
    let refused: String

    var testDescription: String { "\(id) \(title)" }

    init(
        _ id: String, _ title: String, config: String = "", _ servers: String,
        raft: [String] = [], gossip: [String] = [], refused: String = ""
    ) {
        self.id = id
        self.title = title
        self.config = config
        self.servers = servers
        self.raft = raft
        self.gossip = gossip
        self.refused = refused
    }

    static let all = [
        PruneRow(
            "P01 (derived)", "three voters, one failed: it goes",
            "a=V* b=V c=Vx", gossip: ["c"]),
        PruneRow(
            "P02", "same with min quorum 3: refused",
            config: "MinQuorum=3",
            "a=V* b=V c=Vx", refused: "c: min-quorum"),
        PruneRow(
            "P03", "cleanup off: nothing",
            config: "cleanup=off",
            "a=V* b=V c=Vx"),
        PruneRow(
            "P04 (derived)", "three voters, two failed: one goes, a majority never",
            "a=V* b=Vx c=Vx", gossip: ["b"], refused: "c: majority"),
        PruneRow(
            "P05", "five voters, two failed: both go",
            "a=V* b=V c=V d=Vx e=Vx", gossip: ["d", "e"]),
        PruneRow(
            "P06", "five voters, two failed, min quorum 4: only one goes",
            config: "MinQuorum=4",
            "a=V* b=V c=V d=Vx e=Vx", gossip: ["d"], refused: "e: min-quorum"),
        PruneRow(
            "P07 (derived)", "unknown to gossip, no vote: taken out of Raft",
            "a=V* b=V c=V d=N?", raft: ["d"]),
        PruneRow(
            "P08", "stale is handled before failed and uses up the budget",
            "a=V* b=V c=V d=V? e=Vx", raft: ["d"], gossip: ["e"]),
        PruneRow(
            "P09", "4 voters: budget 1: stale goes, failed stays",
            "a=V* b=V c=V? d=Vx", raft: ["c"], refused: "d: majority"),
        PruneRow(
            "P10 (derived)", "failed non-voters use up no budget",
            "a=V* b=V c=V d=Nx e=Nx f=Vx", gossip: ["d", "e", "f"]),
        PruneRow(
            "P11", "failed read replica always goes, ignoring min quorum",
            config: "MinQuorum=3",
            "a=V* b=V c=V r=Nrx", gossip: ["r"]),
        PruneRow(
            "P12", "failed newcomer (would-be voter): min quorum of potential voters protects it",
            config: "MinQuorum=3",
            "a=V* b=V c=Nx", refused: "c: min-quorum"),
        PruneRow(
            "P13 (derived)", "a failed newcomer goes where enough others could vote",
            config: "MinQuorum=3",
            "a=V* b=V c=V d=Nx", gossip: ["d"]),
        PruneRow(
            "P14", "leaving is alive: untouched",
            "a=V* b=V c=Vl"),
        PruneRow(
            "P15", "known to gossip, failed, not in Raft: ignored",
            "a=V* b=V c=V d=-x"),
        PruneRow(
            "P16 (derived)", "known to gossip, left, not in Raft: ignored",
            "a=V* b=V c=V d=-~"),
        PruneRow(
            "P17", "zones on: last server of a dead zone is kept (zone memory)",
            config: "zones=on",
            "a=V*@z1 b=V@z2 c=Vx@z3", refused: "c: last-of-zone"),
        PruneRow(
            "P18", "zones on: dead voter with a surviving zone mate goes",
            config: "zones=on",
            "a=V*@z1 b=V@z2 c=Vx@z3 d=V@z3", gossip: ["c"]),
        PruneRow(
            "P19 (derived)", "zones on: of two dead servers of a zone one is kept",
            config: "zones=on",
            "a=V*@z1 b=V@z2 c=Vx@z3 d=Nx@z3", gossip: ["d"], refused: "c: last-of-zone"),
        PruneRow(
            "P20",
            "after P01 a second failure (2 voters left): refused, so 3->2 is the floor without MinQuorum",
            "a=V* b=Vx", refused: "b: majority"),
    ]
}
