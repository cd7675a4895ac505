package hosttest

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// The modes of [Serve], given to it as HOSTTEST_MODE.
const (
	Well     = ""
	Deaf     = "deaf"     // its pings are never good
	Broken   = "broken"   // ends at once, with last words
	Stubborn = "stubborn" // does not end on SIGTERM
	Chatty   = "chatty"   // floods its log
)

// Serve is a model server after SageMaker's contract that does what the suite asks for. It returns the process's exit
// status.
func Serve(args []string) int {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	port := flags.String("port", "8080", "")
	model := flags.String("model-dir", "/opt/ml/model", "")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	mode := os.Getenv("HOSTTEST_MODE")
	if mode == Broken {
		fmt.Fprintln(os.Stderr, "cannot load the model: it is broken")
		return 3
	}
	terms := make(chan os.Signal, 1)
	signal.Notify(terms, syscall.SIGTERM)
	l, err := net.Listen("tcp", ":"+*port)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 4
	}
	fmt.Println("listening on", *port)
	if mode == Chatty {
		go flood()
	}
	go http.Serve(l, routes(mode, *model))
	for range terms {
		fmt.Println("got SIGTERM")
		if mode != Stubborn {
			fmt.Println("goodbye")
			return 0
		}
	}
	return 0
}

func flood() {
	line := make([]byte, 4096)
	for i := range line {
		line[i] = 'x'
	}
	line[len(line)-1] = '\n'
	for {
		os.Stdout.Write(line)
	}
}

func routes(mode, model string) http.Handler {
	var sick atomic.Bool
	sick.Store(mode == Deaf)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) {
		if sick.Load() {
			http.Error(w, "not well", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("POST /invocations", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "answer") })
	mux.HandleFunc("POST /sick", func(http.ResponseWriter, *http.Request) { sick.Store(true) })
	mux.HandleFunc("POST /well", func(http.ResponseWriter, *http.Request) { sick.Store(false) })
	mux.HandleFunc("POST /pid", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, os.Getpid()) })
	mux.HandleFunc("POST /crash", crash)
	mux.HandleFunc("POST /env", func(w http.ResponseWriter, r *http.Request) { json.NewEncoder(w).Encode(os.Environ()) })
	mux.HandleFunc("POST /open", openFiles)
	mux.HandleFunc("POST /fork", fork)
	mux.HandleFunc("POST /work", work)
	mux.HandleFunc("POST /files", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(readTree(filepath.Dir(model)))
	})
	return mux
}

// crash answers, and ends the server once the answer is the kernel's.
func crash(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body) // what is not read when a connection ends takes the answer with it
	w.Header().Set("Content-Length", "0")
	http.NewResponseController(w).Flush()
	os.Exit(5)
}

// readTree returns the files under the folder of all artifacts, by path.
func readTree(dir string) map[string]string {
	files := make(map[string]string)
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		b, err := os.ReadFile(path)
		files[rel] = string(b)
		return err
	})
	return files
}

// openFiles tells which descriptors the server was started with: those that are neither its log's nor of its own.
func openFiles(w http.ResponseWriter, _ *http.Request) {
	var open []string
	for fd := range 1024 {
		to, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		if err == nil {
			open = append(open, to)
		}
	}
	json.NewEncoder(w).Encode(open)
}

// fork starts a process that leaves the server's session and its parent, and tells its ID.
func fork(w http.ResponseWriter, _ *http.Request) {
	out, err := exec.Command("setsid", "sh", "-c", `sleep 600 >/dev/null 2>&1 & echo $!`).Output()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Write(out)
}

// Work is what a process got done while it was busy.
type Work struct {
	Rounds int64
	CPU    time.Duration // of all threads together
}

func work(w http.ResponseWriter, r *http.Request) {
	threads, err := strconv.Atoi(r.FormValue("threads"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	d, err := time.ParseDuration(r.FormValue("for"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	json.NewEncoder(w).Encode(Busy(threads, d))
}

// Busy keeps threads busy for a time and returns what they got done.
func Busy(threads int, d time.Duration) Work {
	before, end := cpuTime(), time.Now().Add(d)
	var rounds atomic.Int64
	var all sync.WaitGroup
	for range threads {
		all.Go(func() {
			n, x := int64(0), uint64(1)
			for ; time.Now().Before(end); n++ {
				for range 10_000 {
					x = x*6364136223846793005 + 1442695040888963407
				}
			}
			rounds.Add(n + int64(x&1))
		})
	}
	all.Wait()
	return Work{Rounds: rounds.Load(), CPU: cpuTime() - before}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
