// The measured peer and the measuring clients of the bench of xDS: see bench/xds.
//
//	xds serve PORT RESOURCES ENDPOINTS            go-control-plane's linear cache, with as many ClusterLoadAssignments
//	xds clients PORT STREAMS NAMES RESOURCES      delta ADS streams, each of which asks for as many names
//
// The server changes the resource whose number is in each line of its standard input; the Nth change is in the address of the
// resource's first endpoint, 11.N.
//
// The clients print `ready` when each stream has what it asked for, and then `told N TIME` whenever all streams have been told of
// resource 0 for the Nth time, with the time of the last, in nanoseconds since the epoch. After a line `storm TIME` on standard
// input, where change N is due N milliseconds after that time, they note how late each response tells of the oldest change
// in it, and print `late P99 MAX COUNT`, in milliseconds, when standard input ends.
package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log"
	"math/rand"
	"net"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const assignmentType = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
const streamsPerConnection = 100

func number(index int) int {
	value, err := strconv.Atoi(os.Args[index])
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	switch os.Args[1] {
	case "serve":
		serve(number(2), number(3), number(4))
	case "clients":
		clients(number(2), number(3), number(4), number(5))
	}
}

// As our sink names it for gRPC clients.
func name(index int) string { return fmt.Sprintf("service-%d.bench:20880", index) }

func assignment(index, endpoints, change int) *endpoint.ClusterLoadAssignment {
	var all []*endpoint.LbEndpoint
	for i := 0; i < endpoints; i++ {
		number := index*endpoints + i
		address := fmt.Sprintf("10.%d.%d.%d", number>>16, number>>8&255, number&255)
		if i == 0 {
			address = fmt.Sprintf("11.%d.%d.%d", change>>16, change>>8&255, change&255)
		}
		all = append(all, &endpoint.LbEndpoint{HostIdentifier: &endpoint.LbEndpoint_Endpoint{Endpoint: &endpoint.Endpoint{
			Address: &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
				Address:       address,
				PortSpecifier: &core.SocketAddress_PortValue{PortValue: 20880},
			}}},
		}}})
	}
	localities := []*endpoint.LocalityLbEndpoints{{LbEndpoints: all}}
	return &endpoint.ClusterLoadAssignment{ClusterName: name(index), Endpoints: localities}
}

func serve(port, resources, endpoints int) {
	initial := map[string]types.Resource{}
	for i := 0; i < resources; i++ {
		initial[name(i)] = assignment(i, endpoints, 0)
	}
	linear := cache.NewLinearCache(assignmentType, cache.WithInitialResources(initial))
	// What serves aggregated streams wants one cache for all types.
	mux := &cache.MuxCache{
		Classify:      func(*cache.Request) string { return "all" },
		ClassifyDelta: func(*cache.DeltaRequest) string { return "all" },
		Caches:        map[string]cache.Cache{"all": linear},
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		log.Fatal(err)
	}
	grpcServer := grpc.NewServer(grpc.MaxConcurrentStreams(1000))
	discovery.RegisterAggregatedDiscoveryServiceServer(grpcServer, server.NewServer(context.Background(), mux, nil))
	go func() { log.Fatal(grpcServer.Serve(listener)) }()
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for change := 1; lines.Scan(); change++ {
		index, err := strconv.Atoi(strings.TrimPrefix(lines.Text(), "change "))
		if err != nil {
			log.Fatal(err)
		}
		if err := linear.UpdateResource(name(index), assignment(index, endpoints, change)); err != nil {
			log.Fatal(err)
		}
	}
}

func clients(port, streams, names, resources int) {
	var connection *grpc.ClientConn
	var ready sync.WaitGroup
	ready.Add(streams)
	var told atomic.Int64
	for i := 0; i < streams; i++ {
		if i%streamsPerConnection == 0 {
			fresh, err := grpc.NewClient(
				fmt.Sprintf("127.0.0.1:%d", port),
				grpc.WithTransportCredentials(insecure.NewCredentials()),
				grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)),
			)
			if err != nil {
				log.Fatal(err)
			}
			connection = fresh
		}
		wanted := map[string]bool{name(0): true}
		random := rand.New(rand.NewSource(int64(i)))
		for len(wanted) < names {
			wanted[name(random.Intn(resources))] = true
		}
		go follow(connection, i, wanted, ready.Done, func() {
			if count := told.Add(1); count%int64(streams) == 0 {
				fmt.Printf("told %d %d\n", count/int64(streams), time.Now().UnixNano())
			}
		})
	}
	ready.Wait()
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var start int64
		if _, err := fmt.Sscanf(lines.Text(), "storm %d", &start); err != nil {
			log.Fatal(err)
		}
		stormStart.Store(start)
	}
	lateness.Lock()
	defer lateness.Unlock()
	if late := lateness.ms; len(late) > 0 {
		sort.Float64s(late)
		fmt.Printf("late %.1f %.1f %d\n", late[len(late)*99/100], late[len(late)-1], len(late))
	}
}

var stormStart atomic.Int64
var lateness struct {
	sync.Mutex
	ms []float64
}

// Notes how long ago the oldest change in a response was due.
func noteLateness(resources []*discovery.Resource) {
	start := stormStart.Load()
	if start == 0 {
		return
	}
	oldest := 0
	for _, resource := range resources {
		if change := changeIn(resource.Resource.Value); change > 0 && (oldest == 0 || change < oldest) {
			oldest = change
		}
	}
	if oldest == 0 {
		return
	}
	late := float64(time.Now().UnixNano()-start)/1e6 - float64(oldest)
	lateness.Lock()
	defer lateness.Unlock()
	lateness.ms = append(lateness.ms, late)
}

// The N of the address 11.N in an encoded assignment, or 0. Decoding each whole, for a hundred clients at once, would take the
// processor that the server is measured on.
func changeIn(assignment []byte) int {
	for at := 0; ; at += len(changedPrefix) {
		next := bytes.Index(assignment[at:], changedPrefix)
		if next < 0 {
			return 0
		}
		at += next
		if at < 2 || assignment[at-2] != addressTag {
			continue
		}
		text := assignment[at+len(changedPrefix) : at+int(assignment[at-1])]
		change, part := 0, 0
		for _, char := range text {
			if char == '.' {
				change, part = change<<8|part, 0
			} else {
				part = part*10 + int(char-'0')
			}
		}
		return change<<8 | part
	}
}

var changedPrefix = []byte("11.")

// Of SocketAddress.address; its length, below 16, is in the byte after.
const addressTag = 2<<3 | 2

func follow(connection *grpc.ClientConn, id int, wanted map[string]bool, onReady, onTold func()) {
	stream, err := discovery.NewAggregatedDiscoveryServiceClient(connection).DeltaAggregatedResources(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	request := &discovery.DeltaDiscoveryRequest{TypeUrl: assignmentType, Node: &core.Node{Id: fmt.Sprintf("client-%d", id)}}
	for name := range wanted {
		request.ResourceNamesSubscribe = append(request.ResourceNamesSubscribe, name)
	}
	if err := stream.Send(request); err != nil {
		log.Fatal(err)
	}
	missing := len(wanted)
	for {
		response, err := stream.Recv()
		if err != nil {
			log.Fatal(err)
		}
		answer := &discovery.DeltaDiscoveryRequest{TypeUrl: assignmentType, ResponseNonce: response.Nonce}
		if err := stream.Send(answer); err != nil {
			log.Fatal(err)
		}
		if missing == 0 {
			noteLateness(response.Resources)
		}
		for _, resource := range response.Resources {
			switch {
			case missing > 1:
				missing--
			case missing == 1:
				missing = 0
				onReady()
			case resource.Name == name(0):
				onTold()
			}
		}
	}
}
