package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"gnomon"
	"gnomon/store"
)

func open(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "control.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func do(t *testing.T, db *store.DB, f func(*gnomon.Tx) error) {
	t.Helper()
	if err := db.Do(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func experiment(name string, at int) *gnomon.Experiment {
	t := time.Unix(int64(at), 0).UTC()
	return &gnomon.Experiment{Name: gnomon.ExperimentName(name), ID: name, Endpoint: "E", Status: gnomon.Created, CreatedAt: t, ModifiedAt: t}
}

func TestRows_KeepWhatIsPut(t *testing.T) {
	db := open(t)
	x := experiment("x", 1)
	x.Overlay = &gnomon.Overlay{ID: "o"}
	do(t, db, func(tx *gnomon.Tx) error { return tx.Experiments.Insert(x) })
	do(t, db, func(tx *gnomon.Tx) error {
		got, err := tx.Experiments.Get("x")
		if err != nil {
			return err
		}
		got.Status, got.Overlay = gnomon.Running, nil
		return tx.Experiments.Put(got)
	})
	do(t, db, func(tx *gnomon.Tx) error {
		got, err := tx.Experiments.Get("x")
		if err != nil {
			return err
		}
		if got.Status != gnomon.Running || got.Overlay != nil || !got.CreatedAt.Equal(x.CreatedAt) {
			t.Errorf("got %+v", got)
		}
		return tx.Experiments.Delete("x")
	})
	err := db.Do(t.Context(), func(tx *gnomon.Tx) error { _, err := tx.Experiments.Get("x"); return err })
	if !errors.Is(err, gnomon.NotFound) {
		t.Errorf("after its end: %v", err)
	}
}

func TestRows_RefuseATakenName(t *testing.T) {
	db := open(t)
	e := &gnomon.Endpoint{Name: "Name"}
	do(t, db, func(tx *gnomon.Tx) error { return tx.Endpoints.Insert(e) })
	err := db.Do(t.Context(), func(tx *gnomon.Tx) error { return tx.Endpoints.Insert(&gnomon.Endpoint{Name: "nAME"}) })
	if !errors.Is(err, gnomon.InUse) {
		t.Errorf("an endpoint's name in other case: %v", err)
	}
	do(t, db, func(tx *gnomon.Tx) error { return tx.Models.Insert(&gnomon.Model{Name: "Name"}) })
	do(t, db, func(tx *gnomon.Tx) error { return tx.Models.Insert(&gnomon.Model{Name: "name"}) })
}

func TestRows_TwoExperimentsDoNotHoldOneEndpoint(t *testing.T) {
	db := open(t)
	a, b := experiment("a", 1), experiment("b", 2)
	a.Overlay, b.Overlay = &gnomon.Overlay{ID: "a"}, &gnomon.Overlay{ID: "b"}
	do(t, db, func(tx *gnomon.Tx) error { return tx.Experiments.Insert(a) })
	if err := db.Do(t.Context(), func(tx *gnomon.Tx) error { return tx.Experiments.Insert(b) }); err == nil {
		t.Error("both overlays were kept")
	}
}

func TestDo_UndoesWhatFails(t *testing.T) {
	db := open(t)
	boom := errors.New("boom")
	err := db.Do(t.Context(), func(tx *gnomon.Tx) error {
		if err := tx.Models.Insert(&gnomon.Model{Name: "m"}); err != nil {
			return err
		}
		if err := tx.Tags.Set("arn", []gnomon.Tag{{Key: "k", Value: "v"}}); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatal(err)
	}
	do(t, db, func(tx *gnomon.Tx) error {
		tags, err := tx.Tags.Get("arn")
		if _, missing := tx.Models.Get("m"); !errors.Is(missing, gnomon.NotFound) || len(tags) != 0 {
			t.Errorf("left behind: %v, %v", missing, tags)
		}
		return err
	})
}

func TestList_PagesStayTrueWhileRowsAreAdded(t *testing.T) {
	for _, q := range []gnomon.Query{
		{Sort: gnomon.ByCreated, Descending: true},
		{Sort: gnomon.ByCreated},
		{Sort: gnomon.ByName, Descending: true},
		{Sort: gnomon.ByName},
		{Sort: gnomon.ByStatus},
	} {
		t.Run(fmt.Sprintf("%s-%v", q.Sort, q.Descending), func(t *testing.T) {
			db := open(t)
			for i := range 25 {
				do(t, db, func(tx *gnomon.Tx) error {
					return tx.Experiments.Insert(experiment(fmt.Sprintf("x%02d", i), 1000+i/2)) // times come in pairs
				})
			}
			q.Limit = 4
			var seen []string
			for n := 0; ; n++ {
				do(t, db, func(tx *gnomon.Tx) error {
					page, next, err := tx.Experiments.List(q)
					for _, x := range page {
						seen = append(seen, string(x.Name))
					}
					q.After = next
					return err
				})
				if q.After == (gnomon.Cursor{}) {
					break
				}
				do(t, db, func(tx *gnomon.Tx) error { // before everything, in each order
					return tx.Experiments.Insert(experiment(fmt.Sprintf("%s%02d", map[bool]string{true: "z", false: "a"}[q.Descending], n), map[bool]int{true: 9000, false: 1}[q.Descending]))
				})
			}
			want := make([]string, 25)
			for i := range want {
				want[i] = fmt.Sprintf("x%02d", i)
			}
			if q.Descending {
				slices.Reverse(want)
			}
			if !slices.Equal(seen, want) {
				t.Errorf("saw %v", seen)
			}
		})
	}
}

func TestList_Filters(t *testing.T) {
	db := open(t)
	for i, name := range []string{"alpha", "Beta", "beta-2"} {
		x := experiment(name, 100*(i+1))
		if i == 2 {
			x.Status = gnomon.Running
		}
		do(t, db, func(tx *gnomon.Tx) error { return tx.Experiments.Insert(x) })
	}
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	for name, c := range map[string]struct {
		q    gnomon.Query
		want []string
	}{
		"NameWithoutCase": {gnomon.Query{NameContains: "BET"}, []string{"Beta", "beta-2"}},
		"Status":          {gnomon.Query{Status: "Running"}, []string{"beta-2"}},
		"Endpoint":        {gnomon.Query{Endpoint: "e"}, []string{"Beta", "alpha", "beta-2"}},
		"Except":          {gnomon.Query{Endpoint: "e", Except: []string{"Running", "Completed"}}, []string{"Beta", "alpha"}},
		"OtherEndpoint":   {gnomon.Query{Endpoint: "f"}, nil},
		"CreatedBetween":  {gnomon.Query{CreatedAfter: at(100), CreatedBefore: at(300)}, []string{"Beta"}},
		"ModifiedAfter":   {gnomon.Query{ModifiedAfter: at(150)}, []string{"Beta", "beta-2"}},
		"ModifiedBefore":  {gnomon.Query{ModifiedBefore: at(150), NameContains: "a"}, []string{"alpha"}},
	} {
		t.Run(name, func(t *testing.T) {
			do(t, db, func(tx *gnomon.Tx) error {
				page, _, err := tx.Experiments.List(c.q)
				var got []string
				for _, x := range page {
					got = append(got, string(x.Name))
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("got %v, want %v", got, c.want)
				}
				return err
			})
		})
	}
}

func TestDo_IsAlone(t *testing.T) {
	db := open(t)
	do(t, db, func(tx *gnomon.Tx) error { return tx.Endpoints.Insert(&gnomon.Endpoint{Name: "e"}) })
	const writers, each = 8, 25
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range each {
				err := db.Do(t.Context(), func(tx *gnomon.Tx) error {
					e, err := tx.Endpoints.Get("e")
					if err != nil {
						return err
					}
					e.FailureReason += "x"
					return tx.Endpoints.Put(e)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	do(t, db, func(tx *gnomon.Tx) error {
		e, err := tx.Endpoints.Get("e")
		if len(e.FailureReason) != writers*each {
			t.Errorf("%d of %d writes are left", len(e.FailureReason), writers*each)
		}
		return err
	})
}

func TestOpen_KeepsToItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.db")
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	do(t, db, func(tx *gnomon.Tx) error { return tx.Models.Insert(&gnomon.Model{Name: "m"}) })
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", filepath.Base(name), info.Mode())
		}
	}
}

func TestOpen_RefusesANewerFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.db")
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`); err != nil {
		t.Fatal(err)
	}
	raw.Close()
	if _, err := store.Open(context.Background(), path); !errors.Is(err, store.ErrNewer) {
		t.Errorf("opened with %v", err)
	}
}
