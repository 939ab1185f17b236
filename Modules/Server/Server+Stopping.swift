// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletHTTP
import MartletRaft
import MartletStorage
import MartletTransport

// How a server stops. A plain stop hands leadership over and stays in the configuration: it means to
// come back. Only a server that leaves is taken out of it.

extension Server {
    /// How long a successor may take to take over.
    private static let transferMax: Duration = .seconds(2)

    /// Stops taking requests, hands leadership over if it is here, says so to the others, and closes.
    ///
    /// - Parameter isLeaving: takes itself out of gossip and of the configuration, for good.
    func stop(isLeaving: Bool, completion: @escaping () -> Void) {
        stopCompletions.append(completion)
        guard stopCompletions.count == 1 else { return }
        front?.stopAccepting()
        if !isLeaving { network.update { $0.isStopping = true } }
        guard replica.outlook.status.role == .leader, let successor = steward.successor() else {
            return isLeaving ? leave() : finishStop()
        }
        handOver(to: successor) { [weak self] in
            if isLeaving { self?.leave() } else { self?.finishStop() }
        }
    }

    private func handOver(to successor: ServerID, then goOn: @escaping () -> Void) {
        logger.info(
            "handing leadership over before stopping", metadata: ["to": "\(successor)"])
        var isFinished = false
        let finish = {
            guard !isFinished else { return }
            isFinished = true
            goOn()
        }
        // A successor that does not answer must not keep a server from stopping.
        let timer = loop.makeTimer(finish)
        timer.arm(at: loop.now + Self.transferMax)
        stopTimer = timer
        replica.transfer(to: successor) { _ in finish() }
    }

    /// First the pool, then the configuration: a leader that takes it out must not take it back.
    private func leave() {
        stopTimer?.disarm()
        logger.info("leaving the gossip pool")
        hasLeft = true
        membersKeeper?.store()
        network.gossip.leave { [weak self] in self?.leaveConfiguration() }
    }

    /// Asks the leader to remove this server. Without one, or when it refuses (the last voter), the
    /// server stops all the same, and stays in the configuration.
    ///
    /// - Parameter mayHandOver: another that left may have made this one leader meanwhile.
    private func leaveConfiguration(mayHandOver: Bool = true) {
        stopTimer?.disarm()
        guard replica.outlook.configuration.contains(id) else {
            logger.info("left the cluster")
            return finishStop()
        }
        if mayHandOver, replica.outlook.status.role == .leader,
            let successor = steward.successor()
        {
            return handOver(to: successor) { [weak self] in
                guard let self else { return }
                awaitLeader(until: loop.now + Self.transferMax) { [weak self] _ in
                    self?.leaveConfiguration(mayHandOver: false)
                }
            }
        }
        guard let leader = replica.outlook.status.leader, leader != id,
            network.isConnected(to: leader)
        else {
            logger.warning("no other leader to leave: this server stays in the configuration")
            return finishStop()
        }
        let request = APIRequest(
            method: .delete, path: "/v1/operator/raft/peer", queryText: "id=\(id)", body: [])
        network.forward(request, of: .server, to: leader) { [weak self] result in
            // 404: the leader was faster, it sees that this server has left.
            if case .replied(.answered(let response)) = result,
                response.status == 200 || response.status == 404
            {
                self?.logger.info("left the cluster")
            } else {
                self?.logger.warning("not removed: this server stays in the configuration")
            }
            self?.finishStop()
        }
    }

    private func finishStop() {
        stopTimer?.disarm()
        // Answers of requests that the transfer left are still under way: a moment for them.
        let timer = loop.makeTimer { [weak self] in self?.closeEverything() }
        timer.arm(at: loop.now + .milliseconds(20))
        stopTimer = timer
    }

    private func closeEverything() {
        guard !isStopped else { return }
        isStopped = true
        steward.stop()
        dispatcher.stop()
        let waiting = waitingForLeader
        waitingForLeader = []
        for waiter in waiting { waiter.resume(false) }
        replica.stop()
        for peer in snapshotSenders.keys.sorted() { snapshotSenders[peer]?.cancel() }
        network.stop()
        membersKeeper?.stop()
        membersKeeper?.store()
        front?.stop()
        drainLanes()
    }

    /// What is with the disk is finished before the stores are closed.
    private func drainLanes() {
        guard let audit else { return drainStores() }
        audit.finish { [self] in drainStores() }
    }

    private func drainStores() {
        let log = environment.log
        snapshotLane.submit({ true }) { [self] _ in
            logLane.submit({
                log.close()
                return true
            }) { [self] _ in
                let completions = stopCompletions
                stopCompletions = []
                for completion in completions { completion() }
            }
        }
    }
}
