// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletAutopilot
import MartletRaft
import MartletState
import MartletTransport

// How a plan is carried out.

extension Steward {
    /// One round of a plan, while it is carried out, and when the next one is due.
    struct Round {
        /// What is left of it, in order.
        var actions: [PlannedAction] = []
        var inputsHash: UInt64 = 0
        /// What the next change is compared with: of the plan, then of the change before.
        var expected: LogIndex = .zero
        var isUnderWay = false
        var isDue = true
        var hasPromoted = false
        var startedAt: Duration?
    }

    func considerRound() {
        guard !round.isUnderWay, hasHeardEverybody, let picture,
            replica.outlook.isConfigurationCommitted, !replica.outlook.configuration.isJoint
        else { return }
        let age = round.startedAt.map { loop.now - $0 } ?? Self.roundInterval
        let isDue = round.isDue || age >= Self.roundInterval
        if Planner.isAtRest(picture.view) {
            if isDue { begin() }
            return
        }
        let plan = picture.plan
        guard !plan.isGated else { return }
        // Servers of an older version do not read a baseline: while there are any, votes stay as
        // they are, and the rest goes on.
        let isBaselineKnown = server.canEverybodyApply(Command.historyVersion)
        if let change = plan.baselineChange, isBaselineKnown { return store(change) }
        let actions = plan.actions.filter { plan.baselineChange == nil || !$0.isAboutVotes }
        guard isDue || actions.contains(where: \.isUrgent) else { return }
        begin()
        round.actions = actions + plan.removals
        round.inputsHash = plan.inputsHash
        round.expected = LogIndex(plan.configurationIndex)
        next()
    }

    private func begin() {
        round = Round()
        round.isDue = false
        round.startedAt = loop.now
    }

    private func next() {
        guard isLeading, let action = round.actions.first else { return finish() }
        guard let id = ServerID(action.id) else { return finish() }
        round.isUnderWay = true
        round.actions.removeFirst()
        switch action.kind {
        case .addNonVoter, .updateAddress:
            change(.addNonVoter(id, address: action.address ?? ""), for: action)
        case .promote: change(.promote(id), for: action)
        case .demote: change(.demote(id), for: action)
        case .remove: change(.remove(id), for: action)
        case .forceLeave:
            network.gossip.forceLeave(id, prune: false)
            note(action, from: round.expected, to: round.expected, "requested")
            next()
        case .transfer:
            note(action, from: round.expected, to: round.expected, "requested")
            round.actions = []
            // What was noted goes first: nothing is written while leadership is handed over.
            loop.atEndOfTurn { [weak self] in self?.transfer(to: id) }
        }
    }

    private func transfer(to id: ServerID) {
        replica.transfer(to: id) { [weak self] outcome in
            if case .done = outcome { return }
            self?.logger.warning(
                "leadership was not handed over",
                metadata: ["to": "\(id)", "outcome": "\(outcome)"])
            self?.finish()
        }
    }

    /// Whatever comes in between makes the rest of the round obsolete: the plan is made anew.
    private func change(_ change: ConfigurationChange.Action, for action: PlannedAction) {
        let before = round.expected
        replica.change(change, ifConfigurationIndex: before) { [weak self] outcome in
            guard let self else { return }
            guard case .accepted(let index, let term) = outcome else {
                return self.notMade(action, outcome)
            }
            self.round.expected = index
            if action.kind == .promote { self.round.hasPromoted = true }
            self.replica.whenCommitted(index, term: term) { [weak self] isCommitted in
                guard let self else { return }
                guard isCommitted else { return self.finish() }
                self.note(action, from: before, to: index, "applied")
                self.next()
            }
        }
    }

    private func notMade(_ action: PlannedAction, _ outcome: ChangeDecision.Outcome) {
        switch outcome {
        case .unchanged:
            return next()
        case .inProgress, .conflict:
            // Another change is on its way, or a new leader has not committed anything yet: what was
            // planned is looked at again with the next tick, not with the next round.
            round.isDue = true
        default:
            logger.info(
                "a planned change was not made",
                metadata: ["change": "\(action.text)", "outcome": "\(outcome)"])
        }
        finish()
    }

    private func finish() {
        round.actions = []
        round.isUnderWay = false
        if round.hasPromoted {
            round.hasPromoted = false
            round.isDue = true
            schedule()
        }
    }

    private func store(_ change: BaselineChange) {
        let baseline: UInt64? =
            switch change {
            case .store(let voters): UInt64(clamping: voters)
            case .clear: nil
            }
        round.isUnderWay = true
        replica.propose(
            Command.setUpgradeBaseline(baseline, cas: replica.state.upgradeBaselineIndex).encoded()
        ) { [weak self] outcome in
            self?.round.isUnderWay = false
            // What was refused is tried again with the next tick, not at once.
            if case .applied = outcome { self?.schedule() }
        }
    }

    // MARK: What is remembered of it

    private func note(
        _ action: PlannedAction, from old: LogIndex, to new: LogIndex, _ outcome: String
    ) {
        let server = ServerID(action.id).map(name(of:)) ?? action.id
        logger.info(
            "autopilot",
            metadata: [
                "action": "\(action.kind.rawValue)", "server": "\(server)",
                "rule": "\(action.rule.rawValue)", "reason": "\(action.text)",
                "index": "\(new.number)",
            ])
        record(
            HistoryEvent(
                unixNanoseconds: loop.wallClockNanoseconds,
                action: action.kind.recorded, actor: .autopilot,
                serverID: action.id, serverName: server, rule: action.rule.rawValue,
                reason: action.text, inputsHash: round.inputsHash,
                oldConfigurationIndex: old.number, newConfigurationIndex: new.number,
                outcome: outcome))
    }

    /// Best effort: an event that is lost with its leader is missing, and nothing depends on it.
    func record(_ event: HistoryEvent) {
        guard server.canEverybodyApply(Command.historyVersion) else { return }
        replica.propose(Command.recordEvent(event).encoded()) { _ in }
    }
}

extension PlannedAction.Kind {
    /// Its name in the history, which it shares with operators' wishes.
    fileprivate var recorded: HistoryEvent.Action {
        switch self {
        case .addNonVoter: .addNonVoter
        case .updateAddress: .updateAddress
        case .promote: .promote
        case .demote: .demote
        case .transfer: .transferLeadership
        case .remove: .remove
        case .forceLeave: .forceLeave
        }
    }
}

extension PlannedAction {
    var isAboutVotes: Bool {
        switch kind {
        case .promote, .demote, .transfer: true
        case .addNonVoter, .updateAddress, .remove, .forceLeave: false
        }
    }

    /// What is not left to the next regular round: it keeps servers out that could serve.
    var isUrgent: Bool {
        switch kind {
        case .addNonVoter, .updateAddress, .promote: true
        case .remove: rule == .left
        case .demote, .transfer, .forceLeave: false
        }
    }
}
