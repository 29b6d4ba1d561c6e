"""What the commands answered with --json before answers were types: one element of each list, a made-up hospital."""

from typing import Any

ANSWERS: dict[str, Any] = {
    "ingest": {
        "schema": 1,
        "night": 2,
        "state": "nothing_new",
        "exit": 0,
        "files": {"seen": 34, "used": 32, "skipped": 2, "quarantined": 0, "waiting": 0, "gone": 0},
        "files_this_night": {"seen": 0, "used": 0, "skipped": 0, "quarantined": 0, "waiting": 0, "gone": 0},
        "scans": {"new": 0, "held_back": 0, "withdrawn": 0},
        "embeddings": {"new": 0},
        "matches": {"entered": 0, "left": 0, "current": 44},
        "encoders": [{"id": "e2505d2600d9c902", "cover": "3d", "purpose": "patient", "provisional": True}],
        "seconds": {"preflight": 0.238, "ingest": 0.038, "encoder": 0.0, "embed": 0.0, "match": 0.0, "report": 0.102},
        "peak_rss_mib": 539,
        "backlog": 0,
        "report": "/srv/site/home/store/reports/night-00002.html",
        "next": "scantwin export --out tables --format parquet",
        "watch": [],
        "undone": [],
        "held": [],
        "inputs": {"kept": 15, "bytes": 1575360, "dropped": 0, "to_make": 0},
    },
    "night --dry-run": {
        "schema": 1,
        "archive": "/srv/site/archive",
        "new": 0,
        "changed": 0,
        "gone": 0,
        "arriving": 0,
        "backlog": 0,
        "train": {"3d": 'no: train_when = "never"', "2d": 'no: train_when = "never"'},
    },
    "files": [
        {
            "path": "00",
            "outcome": "used",
            "code": "used",
            "why": "The file is part of a scan.",
            "meaning": "The file is part of a scan.",
            "action": "Nothing to do.",
            "scan": "2a0f55e7d01402cbf2f03c2f",
            "others": [],
        }
    ],
    "similar": {
        "schema": 1,
        "scan": "23a13bb9e156434fb49f079b",
        "kind": "xr/chest/2d/frontal",
        "contrast": "unknown",
        "code": "ok",
        "date_doubts": [],
        "prior_date_doubts": {},
        "lanes": [
            {
                "lane": "own",
                "purpose": "patient",
                "encoder": "52f78c93e38d6e9b",
                "outcome": "ok",
                "gallery_patients": 1,
                "alarm": "",
                "matches": [
                    {
                        "match": "34",
                        "rank": None,
                        "scan": "997d26a54e859e725895a0ec",
                        "patient": "16f9c5b7d0b780e85206a758",
                        "acquired": "",
                        "distance": 0.561865721,
                        "contrast": "unknown",
                        "expected_by_chance": {
                            "code": "not-calibrated",
                            "n_patients": 2,
                            "value": None,
                            "fewer_than": None,
                            "low": None,
                            "high": None,
                            "text": "not calibrated",
                        },
                        "change": {
                            "code": "no-reference",
                            "percentile": None,
                            "n_references": 0,
                            "scanner": "same-scanner",
                            "text": "no reference",
                        },
                        "provisional": True,
                    }
                ],
            },
            {
                "lane": "others",
                "purpose": "patient",
                "encoder": "52f78c93e38d6e9b",
                "outcome": "fewer-than-k",
                "gallery_patients": 2,
                "alarm": "no-reference",
                "matches": [
                    {
                        "match": "4",
                        "rank": 1,
                        "scan": "5282d61409cce0c20a5b5933",
                        "patient": "485d83ba79dd3c9def18b443",
                        "acquired": "2020-01-11",
                        "distance": 0.415416277,
                        "contrast": "unknown",
                        "expected_by_chance": {
                            "code": "not-calibrated",
                            "n_patients": 2,
                            "value": None,
                            "fewer_than": None,
                            "low": None,
                            "high": None,
                            "text": "not calibrated",
                        },
                        "change": None,
                        "provisional": True,
                    }
                ],
            },
        ],
    },
    "similar --history": {
        "schema": 1,
        "scan": "0c1326f9c40622da07c00a8f",
        "kind": "ct/chest/3d",
        "contrast": "unknown",
        "code": "ok",
        "date_doubts": [],
        "prior_date_doubts": {},
        "lanes": [
            {
                "lane": "own",
                "purpose": "patient",
                "encoder": "e2505d2600d9c902",
                "outcome": "no-prior",
                "gallery_patients": 0,
                "alarm": "",
                "matches": [],
            }
        ],
        "history": [
            {
                "match": 1,
                "encoder": "e2505d2600d9c902",
                "lane": "others",
                "prior": "ff6919ee1db13d56f6dff888",
                "rank": 1,
                "distance": 0.060664685,
                "entered_night": 1,
                "entered_why": "new-scan",
                "moved_night": None,
                "rank_before": None,
                "left_night": None,
                "left_why": "",
            }
        ],
    },
    "similar --judge": {
        "schema": 1,
        "scan": "0c1326f9c40622da07c00a8f",
        "pairs": [
            {
                "pair": "0c1326f9c4:ff6919ee1d",
                "scan": "ff6919ee1db13d56f6dff888",
                "patient": "00badbec99f7b214f495cb10",
                "acquired": "2020-03-02",
                "contrast": "unknown",
            }
        ],
    },
    "compare": {
        "schema": 1,
        "a": "0c1326f9c40622da07c00a8f",
        "b": "ff6919ee1db13d56f6dff888",
        "kinds": ["ct/chest/3d", "ct/chest/3d"],
        "same_kind": True,
        "same_patient": False,
        "encoders": [
            {
                "encoder": "e2505d2600d9c902",
                "purpose": "patient",
                "provisional": True,
                "distance": 0.060664685,
                "expected_by_chance": {
                    "code": "not-calibrated",
                    "n_patients": 2,
                    "value": None,
                    "fewer_than": None,
                    "low": None,
                    "high": None,
                    "text": "not calibrated",
                },
                "alike_nearer": 0.07152242657657658,
                "unlike_nearer": 0.0,
                "cutoff": 0.364520543,
                "is_alike": True,
            }
        ],
    },
    "verdict MATCH": {"schema": 1, "id": 1, "match": 1, "verdict": "wrong-patient", "by": "Dr A"},
    "verdict PAIR": {"schema": 1, "id": 3, "pair": "0c1326f9c4:ff6919ee1d", "verdict": "relevant", "by": "Dr B"},
    "labels from-verdicts": {"schema": 1, "labels": 2, "new_or_changed": 2, "taken_back": 0, "disagreed": 0},
    "status": {
        "schema": 1,
        "nights": [
            {
                "night": 2,
                "state": "nothing_new",
                "exit": 0,
                "error": "",
                "begun": "2026-11-28T23:49:50+00:00",
                "seconds": 0.2,
                "undone": [],
                "new_files": 0,
                "new_matches": 0,
            }
        ],
        "hours_since_success": 0.0,
        "undone": [{"code": "work-left", "count": 2, "meaning": "m", "action": "a"}],
        "overdue": False,
        "running": None,
        "files": {"seen": 34, "used": 32, "skipped": 2, "quarantined": 0, "waiting": 0, "gone": 0},
        "backlog": 0,
        "encoders": [
            {"id": "e2505d2600d9c902", "cover": "3d", "purpose": "patient", "origin": "starter", "provisional": True}
        ],
        "codes": [
            {
                "outcome": "used",
                "code": "used",
                "files": 31,
                "meaning": "The file is part of a scan.",
                "action": "Nothing to do.",
            }
        ],
        "watch": [{"code": "refusals-jumped", "facts": "9 of 10"}],
        "held": [{"id": "e1", "cover": "3d", "purpose": "finding", "held_reason": "it is no better"}],
        "chosen": [{"id": "e1", "cover": "3d", "purpose": "finding", "chosen_reason": "it is better", "waiting": 3}],
        "review": {
            "precision": [
                {
                    "by": "Dr A",
                    "band": "not calibrated",
                    "relevant": 1,
                    "not_relevant": 0,
                    "unsure": 0,
                    "precision": 1.0,
                    "low": 0.20654931437723745,
                    "high": 1.0,
                }
            ],
            "agreement": [{"readers": ["Dr A"], "pairs": 1, "agreed": 1.0, "kappa": None}],
        },
        "wrong_patient": [
            {
                "match": 1,
                "scan": "0c1326f9c40622da07c00a8f",
                "prior": "ff6919ee1db13d56f6dff888",
                "by": "Dr A",
                "at": "2026-11-28 23:49:51.250000+00:00",
            }
        ],
        "inputs": {"kept": 15, "gib": 0.001, "quota_gib": 50.0, "dropped": 0},
    },
    "kinds --coverage": {
        "schema": 1,
        "total": {
            "modality": "all",
            "files": {"total": 18, "in_lists": 16, "share": 0.8889},
            "studies": {"total": 14, "in_lists": 12, "share": 0.8571},
            "files_this_night": {"total": 2, "in_lists": 0, "share": 0.0},
            "studies_this_night": {"total": 0, "in_lists": 0, "share": None},
            "reasons": [
                {"code": "kind-unknown", "files": 2, "files_this_night": 2, "studies": 2, "studies_this_night": 2}
            ],
        },
        "modalities": [],
        "apart": {"not-dicom": 1},
        "gains": [{"code": "kind-unknown", "act": "scantwin kinds", "files": 2, "studies": 2, "why": "It lists them."}],
    },
    "kinds": {
        "schema": 1,
        "combinations": [
            {
                "kind": "xr/unknown/2d/frontal",
                "modality": "DX",
                "tags": {
                    "BodyPartExamined": "XYZ",
                    "StudyDescription": "",
                    "ViewPosition": "PA",
                    "SeriesDescription": "",
                    "ProtocolName": "",
                },
                "scans": 1,
                "patients": 1,
                "add": '"BodyPartExamined=XYZ" = "PART"',
            }
        ],
    },
    "patients conflicts": [
        {
            "id": "",
            "issuer": "HOSPITAL",
            "why": "a placeholder",
            "persons": 1,
            "files": 1,
            "trusted": False,
            "merge_into": {"id": "P7", "issuer": "HOSPITAL"},
        }
    ],
    "patients merge": {
        "schema": 1,
        "merged": 1,
        "persons": 1,
        "refused": [{"line": 3, "why": "both sides are the same id"}],
        "changed_split": 0,
        "encoders": [],
    },
    "patients unmerge": {
        "schema": 1,
        "unmerged": 1,
        "persons": 1,
        "refused": [{"line": 3, "why": "both sides are the same id"}],
        "changed_split": 0,
        "encoders": [],
    },
    "labels import": {
        "schema": 1,
        "imported": 1,
        "known": 0,
        "refused": [{"line": 3, "why": "value is 'maybe', wanted present or absent"}],
    },
    "encoders": {
        "schema": 1,
        "encoders": [
            {
                "id": "e2505d2600d9c902",
                "cover": "3d",
                "purpose": "patient",
                "origin": "starter",
                "backbone": "small",
                "dim": 128,
                "metric": "cosine",
                "provisional": True,
                "forgotten_patients": 0,
                "kernels": "",
                "active": True,
                "since": "2026-11-28T23:49:46+00:00",
                "vectors": 3,
                "created": "2026-11-22T09:38:32+00:00",
                "held_reason": "",
                "chosen_reason": "",
                "validation": {
                    "alike_pairs": 222.0,
                    "auc": 0.9898509276603336,
                    "cutoff": 0.364520543,
                    "embedding_std": 0.08128917962312698,
                    "mean_alike": 0.16389188232882881,
                    "mean_distance": 0.8059482934951135,
                    "mean_unlike": 0.8428463884674091,
                    "p_at_1": 0.9025974025974026,
                    "queries": 154.0,
                    "unlike_pairs": 4848.0,
                },
                "waiting": 0,
                "vector_kernels": {"AVX2, oneDNN AVX2": 3},
            }
        ],
        "history": [
            {
                "id": 2,
                "cover": "2d",
                "purpose": "patient",
                "encoder": "52f78c93e38d6e9b",
                "night": 1,
                "at": "2026-11-28T23:49:46+00:00",
                "reason": "starter: nothing trained on this archive yet",
            }
        ],
    },
    "encoders activate": {
        "schema": 1,
        "cover": "3d",
        "purpose": "patient",
        "active": "e2505d2600d9c902",
        "switched": False,
    },
    "volume": {
        "schema": 1,
        "scan": "0c1326f9c40622da07c00a8f",
        "kind": "ct/chest/3d",
        "file": "/srv/x.nii.gz",
        "shape_zyx": [6, 32, 32],
        "spacing_zyx_mm": [5.0, 4.0, 4.0],
        "has_size": True,
        "repairs": "",
    },
    "match --verify": {"schema": 1, "lists": 32, "wrong": 0, "differences": [], "waiting": 0},
    "db check": {"schema": 1, "differences": []},
    "deploy --out": {"schema": 1, "made": ["/srv/dep/prefect.yaml"]},
    "doctor": {
        "schema": 1,
        "checks": [
            {
                "check": "configuration",
                "ok": True,
                "found": "/srv/site/home/config.toml is well, digest ec10d9b27b1023b5",
            }
        ],
    },
    "export": {"schema": 1, "files": ["/srv/exp/patient.csv"]},
    "db rotate-secret": {
        "schema": 1,
        "key_id": "7d6d6e0dfbeb",
        "former": 1,
        "files": 40,
        "pages": 1,
        "keys": {"file": 34, "series": 17, "study": 17, "patient": 24, "scan": 17},
    },
    "forget": {
        "schema": 1,
        "patients": 1,
        "scans": 4,
        "files": 8,
        "pages": 1,
        "files_in_archive": ["10"],
        "backups": [],
        "encoders": [],
        "outside": ["folders that `scantwin export`, `scantwin volume`, `scant..."],
    },
    "phantoms": {
        "schema": 1,
        "n_patients": 1,
        "n_studies": 2,
        "n_series": 4,
        "n_files": 105,
        "n_bytes": 1150975,
        "odd": {"localizer": 1, "dose-report": 1, "dicomdir": 1, "text": 1, "copy": 1},
    },
    "deploy": {
        "schema": 1,
        "server": "http://127.0.0.1:4200/api",
        "made": ["pool cpu"],
        "cron": "0 2 * * *",
        "time_zone": "UTC",
        "pools": ["cpu"],
    },
    "kinds learn": {
        "schema": 1,
        "covers": [
            {
                "cover": "2d",
                "encoder": "e2505d2600d9c902",
                "classifier": "0c1326f9c40622da",
                "refused": "",
                "families": [
                    {
                        "family": "xr",
                        "scans": 400,
                        "patients": 400,
                        "named": 396,
                        "wrong": 1,
                        "error": 0.0025,
                        "upper": 0.0142,
                        "refused": "",
                        "kinds": [
                            {
                                "kind": "xr/chest/2d/frontal",
                                "patients": 1000,
                                "scans": 200,
                                "right": 197,
                                "wrong": 1,
                                "abstained": 2,
                                "given": True,
                            }
                        ],
                    }
                ],
            }
        ],
    },
    "kinds use": {"schema": 1, "in_use": ["0c1326f9c40622da"], "switched": True},
    "kinds off": {"schema": 1, "in_use": [], "switched": True},
}
