// The program beside Ory Hydra that Hydra leaves the people to: it signs the one account in and allows whatever was asked
// for, at once. Before that it gives Hydra its keys and clients, by Hydra's own administration.
//
//	login PORT ADMIN ISSUER
//
// The first line of standard output is one JSON object in the form of `hallpass serve --demo --json`.
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

const (
	account     = "demo"
	redirectURI = "http://127.0.0.1:9/callback"
	rememberFor = 14 * 24 * 60 * 60
	// The sets that Hydra signs with.
	idTokens     = "hydra.openid.id-token"
	accessTokens = "hydra.jwt.access-token"
)

type object = map[string]any

// Hydra's administration.
type hydra struct {
	admin  string
	client *http.Client
}

func (h hydra) ask(method, path string, body any, answer any) error {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, h.admin+path, sent)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := h.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s %s", method, path, response.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

// What Hydra says after it was told what became of a request.
type next struct {
	RedirectTo string `json:"redirect_to"`
}

func (h hydra) login(challenge string) (string, error) {
	var to next
	path := "/admin/oauth2/auth/requests/login/accept?login_challenge=" + url.QueryEscape(challenge)
	err := h.ask("PUT", path, object{
		"subject":      account,
		"remember":     true,
		"remember_for": rememberFor,
	}, &to)
	return to.RedirectTo, err
}

func (h hydra) consent(challenge string) (string, error) {
	query := "?consent_challenge=" + url.QueryEscape(challenge)
	var asked struct {
		Scope    []string `json:"requested_scope"`
		Audience []string `json:"requested_access_token_audience"`
	}
	if err := h.ask("GET", "/admin/oauth2/auth/requests/consent"+query, nil, &asked); err != nil {
		return "", err
	}
	var to next
	err := h.ask("PUT", "/admin/oauth2/auth/requests/consent/accept"+query, object{
		"grant_scope":                 asked.Scope,
		"grant_access_token_audience": asked.Audience,
		"remember":                    true,
		"remember_for":                rememberFor,
		"session": object{
			"id_token": object{
				"name":           "Demo User",
				"email":          "demo@example.com",
				"email_verified": true,
			},
		},
	}, &to)
	return to.RedirectTo, err
}

func encoded(number *big.Int, length int) string {
	return base64.RawURLEncoding.EncodeToString(number.FillBytes(make([]byte, length)))
}

func es256() (object, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return object{
		"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": secret(),
		"x": encoded(key.X, 32), "y": encoded(key.Y, 32), "d": encoded(key.D, 32),
	}, nil
}

// As long as the other servers' keys: Hydra's own would have 4096 bits.
func rs256() (object, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	whole := func(number *big.Int) string {
		return base64.RawURLEncoding.EncodeToString(number.Bytes())
	}
	return object{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": secret(),
		"n": whole(key.N), "e": whole(big.NewInt(int64(key.E))), "d": whole(key.D),
		"p": whole(key.Primes[0]), "q": whole(key.Primes[1]),
		"dp": whole(key.Precomputed.Dp), "dq": whole(key.Precomputed.Dq), "qi": whole(key.Precomputed.Qinv),
	}, nil
}

// The set has this key alone from now on.
func (h hydra) signWith(set string, key object) error {
	return h.ask("PUT", "/admin/keys/"+set, object{"keys": []object{key}}, nil)
}

func secret() string {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		log.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(random)
}

type shown struct {
	ClientID     string   `json:"client_id"`
	ClientSecret string   `json:"client_secret"`
	RedirectURIs []string `json:"redirect_uris"`
	GrantTypes   []string `json:"grant_types"`
}

// Makes a client; Hydra signs or does not by the client, not by the resource.
func (h hydra) register(id, strategy string, grants ...string) (shown, error) {
	client := shown{id, secret(), []string{}, grants}
	if grants[0] == "authorization_code" {
		client.RedirectURIs = []string{redirectURI}
	}
	err := h.ask("POST", "/admin/clients", object{
		"client_id":                  client.ClientID,
		"client_secret":              client.ClientSecret,
		"redirect_uris":              client.RedirectURIs,
		"grant_types":                client.GrantTypes,
		"response_types":             []string{"code"},
		"scope":                      "openid offline_access profile email",
		"token_endpoint_auth_method": "client_secret_basic",
		"access_token_strategy":      strategy,
	}, nil)
	return client, err
}

func (h hydra) wait() error {
	var err error
	for range 200 {
		if err = h.ask("GET", "/health/ready", nil, nil); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: login PORT ADMIN ISSUER")
	}
	address, issuer := "127.0.0.1:"+os.Args[1], os.Args[3]
	must := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 256, IdleConnTimeout: time.Minute}
	hydra := hydra{os.Args[2], &http.Client{Transport: transport, Timeout: 30 * time.Second}}
	must(hydra.wait())
	ec, err := es256()
	must(err)
	rsa, err := rs256()
	must(err)
	must(hydra.signWith(idTokens, ec))
	keys := map[string]object{"ES256": ec, "RS256": rsa}
	must(hydra.signWith(accessTokens, ec))
	opaque, err := hydra.register("confidential", "opaque", "authorization_code", "refresh_token", "client_credentials")
	must(err)
	signed, err := hydra.register("signed", "jwt", "client_credentials")
	must(err)
	listener, err := net.Listen("tcp", address)
	must(err)

	// Sends the browser where Hydra wants it to go.
	back := func(name string, accept func(string) (string, error)) {
		http.HandleFunc("GET /"+name, func(answer http.ResponseWriter, request *http.Request) {
			to, err := accept(request.URL.Query().Get(name + "_challenge"))
			if err != nil {
				log.Print(err)
				http.Error(answer, err.Error(), http.StatusBadGateway)
				return
			}
			answer.Header().Set("Location", to)
			answer.Header().Set("Content-Length", "0")
			answer.WriteHeader(http.StatusSeeOther)
		})
	}
	back("login", hydra.login)
	back("consent", hydra.consent)
	// What access tokens are signed with from now on.
	http.HandleFunc("GET /sign/{alg}", func(answer http.ResponseWriter, request *http.Request) {
		key, known := keys[request.PathValue("alg")]
		if !known {
			http.NotFound(answer, request)
			return
		}
		if err := hydra.signWith(accessTokens, key); err != nil {
			log.Print(err)
			http.Error(answer, err.Error(), http.StatusBadGateway)
		}
	})
	must(json.NewEncoder(os.Stdout).Encode(object{
		"issuer":  issuer,
		"user":    object{"username": account, "password": ""},
		"clients": []shown{opaque, signed},
		// It is not in the discovery document, and asks for no client.
		"introspection_endpoint": hydra.admin + "/admin/oauth2/introspect",
	}))
	must(http.Serve(listener, nil))
}
