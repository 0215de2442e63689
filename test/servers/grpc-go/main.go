// Command grpc-go is a client of grpc-go's that reads xDS itself (proxyless gRPC), for tests: it calls
// isthmus.test.Greeter/Greet, whose messages are plain bytes, at the target that a test names over HTTP.
//
//	grpc-go -control 127.0.0.1:8080        (with GRPC_XDS_BOOTSTRAP set)
//
// GET /greet?target=xds:///HOST&who=you answers with what the server said, or 502 and the error.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/xds"
)

// rawCodec carries messages as they are.
type rawCodec struct{}

func (rawCodec) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }

func (rawCodec) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = append([]byte(nil), data...)
	return nil
}

func (rawCodec) Name() string { return "proto" }

// channels holds one connection a target, made when it is first named.
type channels struct {
	mu      sync.Mutex
	clients map[string]*grpc.ClientConn
}

func (c *channels) of(target string) (*grpc.ClientConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if client := c.clients[target]; client != nil {
		return client, nil
	}
	client, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err == nil {
		c.clients[target] = client
	}
	return client, err
}

func main() {
	control := flag.String("control", "", "HOST:PORT of the control interface")
	flag.Parse()
	open := &channels{clients: map[string]*grpc.ClientConn{}}
	http.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	http.HandleFunc("/greet", func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		answer, err := greet(r.Context(), open, query.Get("target"), query.Get("who"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		_, _ = w.Write(answer)
	})
	if err := http.ListenAndServe(*control, nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func greet(ctx context.Context, open *channels, target, who string) ([]byte, error) {
	client, err := open.of(target)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, answer := []byte(who), []byte(nil)
	err = client.Invoke(ctx, "/isthmus.test.Greeter/Greet", &request, &answer, grpc.ForceCodec(rawCodec{}))
	return answer, err
}
