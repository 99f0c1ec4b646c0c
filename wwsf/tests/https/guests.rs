use std::collections::HashSet;

use ims::token::Reg;
use wwsf::directory::{FileDirectory, UserRecord};
use wwsf::{Config, Guests};

use crate::support::{Browser, Wwsf, header, problem};
use crate::token::verified;

fn pool(capacity: u32) -> Config {
    let partner = Config::partner();
    Config { guests: Guests { capacity, ..partner.guests.clone() }, ..partner }
}

async fn impu(browser: &Browser) -> String {
    browser.granted().await["impu"][0].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_guest_gets_an_identity_of_the_range_without_a_login() {
    let wwsf = Wwsf::start(Config::partner()).await;
    let browser = wwsf.browser();
    let granted = browser.granted().await;
    let claims = verified(&browser, granted["token"].as_str().unwrap()).await.unwrap();
    assert_eq!(claims.client_id, "wwsf.partner.example");
    assert_eq!(claims.reg, Some(Reg::Range));
    assert_eq!(claims.impu.len(), 1);
    assert!(wwsf.config().guests.range.matches(&claims.impu[0]));
    assert_eq!(granted["impi"].as_str().unwrap(), claims.impi.as_str());
    assert_eq!(format!("sip:{}", claims.impi), claims.impu[0].as_str());
    assert!(claims.sub.starts_with("anon-"));
}

#[tokio::test]
async fn guests_who_come_at_once_never_share_an_identity() {
    let wwsf = Wwsf::start(pool(50)).await;
    let mut guests = tokio::task::JoinSet::new();
    for browser in (0..50).map(|_| wwsf.browser()) {
        guests.spawn(async move { impu(&browser).await });
    }
    let identities: HashSet<String> = guests.join_all().await.into_iter().collect();
    assert_eq!(identities.len(), 50);
}

#[tokio::test]
async fn a_refresh_keeps_the_identity_and_another_browser_gets_another() {
    let wwsf = Wwsf::start(Config::partner()).await;
    let (a, b) = (wwsf.browser(), wwsf.browser());
    let first = impu(&a).await;
    assert_ne!(impu(&b).await, first);
    assert_eq!(impu(&a).await, first);
}

#[tokio::test]
async fn an_exhausted_pool_says_when_to_come_again() {
    let wwsf = Wwsf::start(pool(1)).await;
    let (guest, late) = (wwsf.browser(), wwsf.browser());
    let first = impu(&guest).await;
    let response = late.token().await;
    let wait: u64 = header(&response, "retry-after").parse().unwrap();
    // The token's hour and the grace after it.
    assert!((3601..=3660).contains(&wait), "{wait}");
    assert_eq!(header(&response, "set-cookie"), "");
    problem(response, 503).await;
    assert_eq!(impu(&guest).await, first, "who has one keeps it");
}

#[tokio::test]
async fn a_restart_gives_no_guests_identity_to_another() {
    let wwsf = Wwsf::start(pool(2)).await;
    let response = wwsf.browser().token().await;
    let cookie = header(&response, "set-cookie");
    let (_, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
    let value = value.to_owned();
    let granted: serde_json::Value = response.json().await.unwrap();

    let wwsf = wwsf.restart().await;
    assert_ne!(impu(&wwsf.browser()).await, granted["impu"][0].as_str().unwrap());
    problem(wwsf.browser().token().await, 503).await;
    // The port, and with it the cookie's name, is another one.
    let cookie = format!("__Host-session-{}={value}", wwsf.addr().port());
    let response = wwsf.browser().post("/api/token").header("cookie", cookie).send().await.unwrap();
    assert_eq!(response.json::<serde_json::Value>().await.unwrap()["impu"], granted["impu"]);
}

#[tokio::test]
async fn a_planted_cookie_is_not_taken_over() {
    let wwsf = Wwsf::start(Config::partner()).await;
    let planted = "A".repeat(43);
    let cookie = format!("__Host-session-{}={planted}", wwsf.addr().port());
    let response = wwsf.browser().post("/api/token").header("cookie", cookie).send().await.unwrap();
    let set = header(&response, "set-cookie");
    assert!(set.starts_with("__Host-session-") && !set.contains(&planted), "{set}");
}

#[tokio::test]
async fn one_address_cannot_empty_the_pool_in_one_go() {
    let partner = Config::partner();
    let guests = Guests { peer_burst: 2, peer_interval_ms: 1_000_000, ..partner.guests.clone() };
    let wwsf = Wwsf::start(Config { guests, ..partner }).await;
    let first = wwsf.browser();
    impu(&first).await;
    impu(&wwsf.browser()).await;
    let limited = wwsf.browser().token().await;
    assert_eq!(header(&limited, "retry-after"), "1000");
    problem(limited, 429).await;
    impu(&first).await;
}

#[tokio::test]
async fn a_partners_own_user_logs_in_and_registers_in_the_range() {
    let wwsf = Wwsf::start(Config::partner()).await;
    let dave = UserRecord {
        username: "dave".into(),
        impi: "guest-dave@partner.ims.example".parse().unwrap(),
        impus: vec!["sip:guest-dave@partner.ims.example".parse().unwrap()],
    };
    FileDirectory::add(&wwsf.state_dir().join("users.toml"), dave, &"dave-web".into()).unwrap();
    let browser = wwsf.browser();
    assert_eq!(browser.login("dave", "dave-web").await.status(), 200);
    let granted = browser.granted().await;
    assert_eq!(granted["impi"], "guest-dave@partner.ims.example");
    let claims = verified(&browser, granted["token"].as_str().unwrap()).await.unwrap();
    assert_eq!(claims.reg, Some(Reg::Range));
}
