// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import Testing

@Suite("A pool of nodes, as JSON") struct NodePoolTests {
    private func parse(_ text: String, named: String? = nil) throws(APIError) -> NodePool {
        try NodePool.parse(body: Array(text.utf8), named: named)
    }

    @Test("What is taken is answered in a form that is taken as equal")
    func roundTrip() throws {
        for text in [
            #"{"name":"a"}"#, #"{"Name":"a","SchedulerConfiguration":{}}"#,
            #"{"Name":"a","SchedulerConfiguration":{"SchedulerAlgorithm":""}}"#,
            #"{"Name":"a_B-9","Description":"d","Meta":{"x":"y"},"SchedulerConfiguration":"#
                + #"{"SchedulerAlgorithm":"spread","MemoryOversubscriptionEnabled":false}}"#,
        ] {
            let pool = try parse(text)
            let again = try NodePool.parse(body: JSONWriter.encode(pool))
            #expect(again == pool)
        }
        #expect(try parse(#"{"Name":"a","SchedulerConfiguration":{}}"#).scheduling == nil)
        #expect(try parse("{}", named: "b").name == "b")
    }

    @Test("Rules of a pool take the place of the cluster's, one by one")
    func overriding() {
        var cluster = SchedulerConfiguration()
        cluster.memoryOversubscriptionEnabled = true
        let spread = cluster.overridden(by: NodePool.Scheduling(algorithm: .spread))
        #expect(
            spread.schedulerAlgorithm == .spread && spread.memoryOversubscriptionEnabled)
        let sober = cluster.overridden(by: NodePool.Scheduling(oversubscribesMemory: false))
        #expect(
            sober.schedulerAlgorithm == .binpack && !sober.memoryOversubscriptionEnabled)
        #expect(cluster.overridden(by: nil) == cluster)
    }
}
