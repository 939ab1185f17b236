// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletHarness
import MartletRaft
import MartletServer
import MartletSimulation
import Testing

private let settings = "/v1/operator/autopilot/configuration"

@Suite("What operators ask of whole servers") struct OperatorTests {
    @Test("A server whose storage failed still answers, and stops, also for good")
    func stopsAfterFailure() throws {
        let watched = WatchedCluster(seed: 43, count: 3)
        let leader = try watched.startAll()
        let broken = watched.others(leader)[0]
        broken.host.disk.failNextCommit(.broken)
        _ = watched.cluster.ask(leader, .put, settings, body: "{}")
        let failed = watched.wait(.seconds(5)) {
            watched.cluster.overview(of: broken)?.failure != nil
        }
        #expect(failed != nil)
        let join = "/v1/agent/join?address=\(leader.options.gossipAddress)"
        #expect(watched.cluster.ask(broken, .put, join).status == 200)
        let start = watched.cluster.world.now
        watched.cluster.stop(broken, isLeaving: true)
        #expect(watched.cluster.world.now - start < .seconds(5))
    }
}

extension Result where Success == ClientResponse {
    /// 0 for no answer.
    fileprivate var status: Int {
        if case .success(let response) = self { response.status } else { 0 }
    }
}
